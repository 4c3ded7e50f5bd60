//! Patterns of `REGEX`: literals, classes, groups, alternatives and counts, matched against the whole text.

/// A pattern, read.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    alternatives: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone)]
struct Piece {
    atom: Atom,
    least: usize,
    most: usize,
}

#[derive(Debug, Clone)]
enum Atom {
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
    Group(Pattern),
}

/// Reads a pattern.
///
/// Bounds: 255 characters, 16 levels of groups.
pub(crate) fn read(text: &str) -> Result<Pattern, String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        return Err("the pattern is too long".into());
    }
    let mut reader = Reader { chars, at: 0, depth: 0 };
    let pattern = reader.alternatives()?;
    if reader.at < reader.chars.len() {
        return Err("the pattern has a bracket that was not opened".into());
    }
    Ok(pattern)
}

impl Pattern {
    /// Whether the whole text is of this pattern.
    ///
    /// Bounds: 100,000 steps; a text that would take more does not match.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        let mut steps = STEPS_MAX;
        self.ends(&chars, 0, &mut steps).contains(&chars.len())
    }

    /// Every place where a match that begins at `from` may end.
    fn ends(&self, text: &[char], from: usize, steps: &mut usize) -> Vec<usize> {
        let mut found = Vec::new();
        for pieces in &self.alternatives {
            let mut places = vec![from];
            for piece in pieces {
                places = piece.ends(text, &places, steps);
            }
            found.extend(places);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Piece {
    fn ends(&self, text: &[char], from: &[usize], steps: &mut usize) -> Vec<usize> {
        let mut found: Vec<usize> = if self.least == 0 { from.to_vec() } else { Vec::new() };
        let mut places = from.to_vec();
        for count in 1..=self.most {
            let mut next = Vec::new();
            for place in places {
                let Some(left) = steps.checked_sub(1) else { return Vec::new() };
                *steps = left;
                next.extend(self.atom.ends(text, place, steps));
            }
            next.sort_unstable();
            next.dedup();
            if count >= self.least {
                next.retain(|place| !found.contains(place));
                found.extend(&next);
            }
            if next.is_empty() {
                break;
            }
            places = next;
        }
        found
    }
}

impl Atom {
    fn ends(&self, text: &[char], from: usize, steps: &mut usize) -> Vec<usize> {
        let one = |fits: bool| if fits { vec![from + 1] } else { Vec::new() };
        let Some(c) = text.get(from).copied() else {
            return if let Self::Group(pattern) = self {
                pattern.ends(text, from, steps)
            } else {
                Vec::new()
            };
        };
        match self {
            Self::Any => one(c != '\n'),
            Self::Char(known) => one(*known == c),
            Self::Class { negated, ranges } => {
                one(ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *negated)
            }
            Self::Group(pattern) => pattern.ends(text, from, steps),
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn alternatives(&mut self) -> Result<Pattern, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the pattern has groups nested too deep".into());
        }
        let mut alternatives = vec![Vec::new()];
        while let Some(c) = self.peek().filter(|c| *c != ')') {
            self.at += 1;
            if c == '|' {
                alternatives.push(Vec::new());
            } else if !matches!(c, '^' | '$') {
                // The whole text is matched, so that anchors say nothing.
                let atom = self.atom(c)?;
                let (least, most) = self.count()?;
                if let Some(last) = alternatives.last_mut() {
                    last.push(Piece { atom, least, most });
                }
            }
        }
        self.depth -= 1;
        Ok(Pattern { alternatives })
    }

    fn atom(&mut self, c: char) -> Result<Atom, String> {
        match c {
            '.' => Ok(Atom::Any),
            '[' => self.class(),
            '(' => {
                if self.peek() == Some('?') {
                    self.at += 1;
                    if self.next() != Some(':') {
                        return Err("the pattern has a group of a kind that is not known".into());
                    }
                }
                let inner = self.alternatives()?;
                if self.next() == Some(')') {
                    Ok(Atom::Group(inner))
                } else {
                    Err("the pattern has a bracket that is not closed".into())
                }
            }
            '\\' => {
                let ranges = self.escaped()?;
                Ok(Atom::Class { negated: false, ranges })
            }
            '*' | '+' | '?' | '{' => Err(format!("the pattern has {c} with nothing before it")),
            other => Ok(Atom::Char(other)),
        }
    }

    fn escaped(&mut self) -> Result<Vec<(char, char)>, String> {
        match self.next() {
            Some('d') => Ok(vec![('0', '9')]),
            Some('w') => Ok(vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')]),
            Some('s') => Ok(vec![(' ', ' '), ('\t', '\r')]),
            Some(c) if c.is_ascii_alphanumeric() => Err(format!("the pattern has \\{c}, which is not known")),
            Some(c) => Ok(vec![(c, c)]),
            None => Err("the pattern ends in a backslash".into()),
        }
    }

    fn class(&mut self) -> Result<Atom, String> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        loop {
            match self.next().ok_or("the pattern has a class that is not closed")? {
                ']' if !ranges.is_empty() => return Ok(Atom::Class { negated, ranges }),
                '\\' => ranges.extend(self.escaped()?),
                first => {
                    let range =
                        self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
                    if range {
                        self.at += 1;
                        ranges.push((first, self.next().unwrap_or(first)));
                    } else {
                        ranges.push((first, first));
                    }
                }
            }
        }
    }

    fn count(&mut self) -> Result<(usize, usize), String> {
        let known = match self.peek() {
            Some('*') => (0, COUNT_MAX),
            Some('+') => (1, COUNT_MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let rest: String = self.chars.iter().skip(self.at + 1).take_while(|c| **c != '}').collect();
                let (least, most) = rest.split_once(',').unwrap_or((&rest, &rest));
                let number = |text: &str| {
                    text.parse::<usize>().map_err(|_| format!("the pattern has a count {{{rest}}}"))
                };
                let most = if most.is_empty() { COUNT_MAX } else { number(most)? };
                let least = number(least)?;
                if most > COUNT_MAX || least > most {
                    return Err(format!("the pattern has a count {{{rest}}}"));
                }
                self.at += rest.chars().count() + 1;
                (least, most)
            }
            _ => return Ok((1, 1)),
        };
        self.at += 1;
        Ok(known)
    }
}

const LENGTH_MAX: usize = 255;
const DEPTH_MAX: u32 = 16;
const COUNT_MAX: usize = 1_000;
const STEPS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_is_matched() {
        let table = [
            (r"\d{3}-\d{4}", "555-0143", true),
            (r"\d{3}-\d{4}", "x555-0143", false),
            ("^[A-Z]{2}[^0-9]+$", "ABcd", true),
            ("^[A-Z]{2}[^0-9]+$", "ABc1", false),
            ("(ab|cd)*e?", "abcdab", true),
            ("(ab|cd)*e?", "abce", false),
            ("a{2,}", "a", false),
            (r"[\w.]+@example\.org", "a.b@example.org", true),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(read(pattern).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }
}
