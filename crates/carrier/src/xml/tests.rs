//! Scenes and laws of the XML reader.

use proptest::prelude::*;

use super::*;

/// The whole document as one element.
fn read(text: &[u8]) -> Result<Element<'_>, Unreadable> {
    let (mut xml, root) = Xml::open(text)?;
    let element = xml.element(root)?;
    xml.finish()?;
    Ok(element)
}

/// A tree on one line: `{namespace}name @attribute=value [children] "text"`.
fn shown(element: &Element<'_>) -> String {
    let named = |name: &Name<'_>| match name.namespace {
        "" => name.local.to_owned(),
        namespace => format!("{{{namespace}}}{}", name.local),
    };
    let mut out = named(&element.name);
    for attribute in &element.attributes {
        out.extend([" @", &named(&attribute.name), "=", &attribute.value]);
    }
    if !element.children.is_empty() {
        let children: Vec<String> = element.children.iter().map(shown).collect();
        out.extend([" [", &children.join(", "), "]"]);
    }
    if !element.text.is_empty() {
        out.extend([" ", &format!("{:?}", element.text)]);
    }
    out
}

fn check(rows: &[(&str, &str)]) {
    for (text, want) in rows {
        let got = match read(text.as_bytes()) {
            Ok(element) => shown(&element),
            Err(reason) => reason.to_string(),
        };
        assert_eq!(&got, want, "{text}");
    }
}

#[test]
fn elements_have_names_namespaces_and_text() {
    check(&[
        ("<a/>", "a"),
        ("<a></a >", "a"),
        ("\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<a>x</a>\n", "a \"x\""),
        ("<!-- before --><a><!-- in --><b/> <b>1</b></a><!-- after -->", "a [b, b \"1\"]"),
        ("<a>x &amp; y&lt;&gt;&quot;&apos;&#65;&#x1F600;</a>", "a \"x & y<>\\\"'A😀\""),
        ("<a>1\r\n2\r3\n4&#13;5</a>", "a \"1\\n2\\n3\\n4\\r5\""),
        ("<a><![CDATA[<b>&amp;]]></a>", "a \"<b>&amp;\""),
        ("<a b='1' c=\"&lt;\t2\"/>", "a @b=1 @c=< 2"),
        ("<a xmlns='urn:x'><b/><c xmlns=''/><d xmlns='urn:y'/></a>", "{urn:x}a [{urn:x}b, c, {urn:y}d]"),
        ("<p:a xmlns:p='urn:x' p:b='1' b='2'/>", "{urn:x}a @{urn:x}b=1 @b=2"),
        ("<p:a xmlns:p='urn:x'><p:b xmlns:p='urn:y'/><p:b/></p:a>", "{urn:x}a [{urn:y}b, {urn:x}b]"),
        ("<a xml:lang='en'>x</a>", "a @{http://www.w3.org/XML/1998/namespace}lang=en \"x\""),
        ("<a>  </a>", "a \"  \""),
        ("<a>]]&gt;</a>", "a \"]]>\""),
    ]);
}

#[test]
fn what_two_readers_could_see_differently_is_refused() {
    let malformed = "is not well-formed XML";
    check(&[
        ("", "has no element"),
        ("x", "has text beside elements"),
        ("<a", malformed),
        ("<a>", "ends within an element"),
        ("<a></b>", malformed),
        ("<a/><b/>", "has more than one root element"),
        ("<a/>x", "has text beside elements"),
        ("<!DOCTYPE a><a/>", "has a document type"),
        ("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "has a document type"),
        ("<a>&b;</a>", "has an entity of its own"),
        ("<a>&nbsp;</a>", "has an entity of its own"),
        ("<a>&#0;</a>", "refers to a character that XML has not"),
        ("<a>&#xD800;</a>", "refers to a character that XML has not"),
        ("<a>&#+65;</a>", "refers to a character that XML has not"),
        ("<a>&#x110000;</a>", "refers to a character that XML has not"),
        ("<a>a & b</a>", malformed),
        ("<a b='&c;'/>", "has an entity of its own"),
        ("<a b='&amp'/>", malformed),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", "declares another encoding than UTF-8; send UTF-8"),
        ("<?xml version='1.0' encoding='UTF-7'?><a/>", "declares another encoding than UTF-8; send UTF-8"),
        ("<?xml version='1.1'?><a/>", "is not XML 1.0"),
        ("<?xml encoding='UTF-8'?><a/>", "is not XML 1.0"),
        ("<?xml version='1.0' a='b'?><a/>", "has a declaration that is not XML's"),
        (" <?xml version='1.0'?><a/>", "has an XML declaration that is not at its start"),
        ("<a><?php x?></a>", "has a processing instruction"),
        ("<?xml-stylesheet href='x'?><a/>", "has a processing instruction"),
        ("\u{feff}\u{feff}<a/>", "begins with two byte-order marks"),
        ("<a>\u{1}</a>", "holds U+0001, which XML does not allow"),
        ("<a>\u{ffff}</a>", "holds U+FFFF, which XML does not allow"),
        ("<a>x<b/></a>", "has text beside elements"),
        ("<a><b/>x</a>", "has text beside elements"),
        ("<a>Be<!-- -->ll</a>", "has a comment within a value, which readers join differently"),
        ("<a><!-- -->Bell</a>", "has a comment within a value, which readers join differently"),
        (
            "<a>Be<![CDATA[ll]]></a>",
            "has a CDATA section beside other content, which readers join differently",
        ),
        (
            "<a><![CDATA[Be]]><![CDATA[ll]]></a>",
            "has a CDATA section beside other content, which readers join differently",
        ),
        (
            "<a> <![CDATA[Bell]]></a>",
            "has a CDATA section beside other content, which readers join differently",
        ),
        ("<a>]]></a>", malformed),
        ("<a><!-- a -- b --></a>", malformed),
        ("<a><!--><b/>--></a>", "has a comment that readers end at different places"),
        ("<a><!---><b/>--></a>", "has a comment that readers end at different places"),
    ]);
    assert_eq!(read(b"<a>\xE9</a>").unwrap_err().to_string(), "is not UTF-8 at byte 3; send UTF-8");
    assert!(read(b"\xFF\xFE<\0a\0/\0>\0").is_err());
    assert!(read(b"\0<\0a\0/\0>").is_err());
}

#[test]
fn attributes_and_names_have_one_reading_or_none() {
    let malformed = "is not well-formed XML";
    check(&[
        ("<a b='1' b='2'/>", malformed),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "names an attribute twice"),
        ("<a b=1/>", malformed),
        ("<a b/>", malformed),
        ("<a b='1'c='2'/>", malformed),
        ("<a b='<'/>", malformed),
        ("<p:a/>", "has a prefix without a namespace"),
        ("<a p:b='1'/>", "has a prefix without a namespace"),
        ("<a xmlns:p=''/>", "declares a namespace that readers understand differently"),
        ("<a xmlns:xml='urn:x'/>", "declares a namespace that readers understand differently"),
        ("<a xmlns:xmlns='urn:x'/>", "declares a namespace that readers understand differently"),
        (
            "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
            "declares a namespace that readers understand differently",
        ),
        ("<a xmlns:p='urn:&#120;'/>", "declares a namespace that readers understand differently"),
        ("<a:b:c xmlns:a='u'/>", "has a name that is not plain letters and digits"),
        ("<a\u{e9}/>", "has a name that is not plain letters and digits"),
        ("<1a/>", "has a name that is not plain letters and digits"),
        ("<:a/>", "has a name that is not plain letters and digits"),
    ]);
}

#[test]
fn a_prefix_is_bound_only_inside_its_element() {
    check(&[
        ("<a><b xmlns:p='u'/><p:c/></a>", "has a prefix without a namespace"),
        ("<a><b xmlns:p='u'></b><p:c/></a>", "has a prefix without a namespace"),
        ("<a xmlns:p='u'><b xmlns:p='v'><p:c/></b><p:c/></a>", "a [b [{v}c], {u}c]"),
    ]);
}

#[test]
fn size_has_bounds() {
    let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(deep(DEPTH_MAX).as_bytes()).is_ok());
    assert!(read(deep(DEPTH_MAX + 1).as_bytes()).unwrap_err().to_string().starts_with("nests deeper"));
    let wide = |count: usize| {
        format!("<a {}/>", (0..count).map(|n| format!("b{n}='' ")).collect::<Vec<_>>().concat())
    };
    assert!(read(wide(ATTRIBUTES_MAX).as_bytes()).is_ok());
    assert!(read(wide(ATTRIBUTES_MAX + 1).as_bytes()).is_err());
    assert!(read(format!("<a b='{}'/>", "x".repeat(ATTRIBUTE_BYTES_MAX + 1)).as_bytes()).is_err());
    assert!(read(format!("<{}/>", "x".repeat(NAME_BYTES_MAX + 1)).as_bytes()).is_err());
    let scoped = |count: usize| {
        let open =
            (0..count).map(|n| format!("<a xmlns:p{n}='u' xmlns:q{n}='u'>")).collect::<Vec<_>>().concat();
        format!("{open}{}", "</a>".repeat(count))
    };
    assert!(read(scoped(SCOPES_MAX / 2).as_bytes()).is_ok());
    assert!(read(scoped(SCOPES_MAX / 2 + 1).as_bytes()).is_err());
}

#[test]
fn what_is_escaped_is_read_back() {
    for text in ["", "a<b>&\"'", "1\r\n2\t3", "\u{1}", "😀"] {
        let document = format!("<a b=\"x\">{}</a>", escaped(text));
        let want = text.replace('\u{1}', "\u{fffd}");
        assert_eq!(read(document.as_bytes()).unwrap().text, want, "{text:?}");
    }
}

fn any_tree() -> impl Strategy<Value = String> {
    let leaf = "[ -~é😀]{0,12}".prop_map(|text| format!("<t>{}</t>", escaped(&text)));
    leaf.prop_recursive(5, 40, 5, |inner| {
        (
            proptest::sample::select(vec!["a", "p:b", "q:c"]),
            proptest::collection::vec(inner, 0..5),
            proptest::sample::select(vec!["", " xmlns:p='urn:z'", " xmlns='urn:d'", " p:x='1' y='2'"]),
        )
            .prop_map(|(name, children, extra)| format!("<{name}{extra}>{}</{name}>", children.concat()))
    })
    .prop_map(|inner| format!("<r xmlns:p='urn:p' xmlns:q='urn:q'>{inner}</r>"))
}

/// Every element stands where it says: its bytes, in their namespaces, are the element again.
fn stands_where_it_says(text: &str, element: &Element<'_>) {
    let raw = text.get(element.span.clone()).unwrap();
    assert!(raw.starts_with('<') && raw.ends_with('>'), "{raw}");
    let inside = text.get(element.inside.clone()).unwrap();
    assert!(inside.len() < raw.len());
    for child in &element.children {
        assert!(element.inside.start <= child.span.start && child.span.end <= element.inside.end);
        stands_where_it_says(text, child);
    }
    if element.children.is_empty() {
        let wrapped = format!("<w>{inside}</w>");
        assert_eq!(read(wrapped.as_bytes()).unwrap().text, element.text);
    }
}

/// The namespaces and names of an element and all within it, in the order of their tags.
fn all_names(element: &Element<'_>, into: &mut Vec<(String, String)>) {
    into.push((element.name.namespace.to_owned(), element.name.local.to_owned()));
    element.children.iter().for_each(|child| all_names(child, into));
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(element) = read(&text) {
            prop_assert!(element.span.end <= text.len());
        }
    }

    #[test]
    fn any_markup_has_an_answer(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..14)) {
        let text = pieces.concat();
        if let Ok(element) = read(text.as_bytes()) {
            stands_where_it_says(&text, &element);
        }
    }

    #[test]
    fn every_element_stands_where_it_says(tree in any_tree(), mark in any::<bool>()) {
        let text = if mark { format!("\u{feff}{tree}") } else { tree };
        let element = read(text.as_bytes()).unwrap();
        prop_assert_eq!(element.span.end, text.len());
        stands_where_it_says(&text, &element);
    }

    /// Where another reader finds the same tree in well-formed text, it finds the same values.
    #[test]
    fn namespaces_are_those_that_quick_xml_resolves(tree in any_tree()) {
        let mut ours = Vec::new();
        all_names(&read(tree.as_bytes()).unwrap(), &mut ours);
        let mut reader = quick_xml::NsReader::from_reader(tree.as_bytes());
        let mut theirs = Vec::new();
        loop {
            match reader.read_resolved_event().unwrap() {
                (namespace, Event::Start(tag) | Event::Empty(tag)) => {
                    let namespace = match namespace {
                        quick_xml::name::ResolveResult::Bound(bound) => bound.into_inner().to_owned(),
                        quick_xml::name::ResolveResult::Unbound | quick_xml::name::ResolveResult::Unknown(_) => String::new(),
                    };
                    theirs.push((namespace, tag.local_name().into_inner().to_owned()));
                }
                (_, Event::Eof) => break,
                _ => {}
            }
        }
        prop_assert_eq!(ours, theirs);
    }
}

const PIECES: [&str; 20] = [
    "<a>",
    "</a>",
    "<a/>",
    "<b x='1'>",
    "</b>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&#65;",
    "&x;",
    "x",
    " ",
    "'",
    "<p:a xmlns:p='u'>",
    "</p:a>",
    "<?xml version='1.0'?>",
    "<!DOCTYPE a>",
    "\r\n",
];
