//! Scenes and laws of multipart bodies.

use proptest::prelude::*;

use super::*;

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";

/// Each part as name, file and length, or the sentence that refuses the body.
fn shown(body: &[u8]) -> String {
    match parts("b", body) {
        Ok(parts) => {
            let shown = parts.iter().map(|part| {
                format!("{} {} {}", part.name, part.file_name.unwrap_or("-"), part.content.len())
            });
            shown.collect::<Vec<_>>().join("; ")
        }
        Err(reason) => reason.to_string(),
    }
}

fn check(body: &str, want: &str) {
    assert_eq!(shown(body.as_bytes()), want, "{body:?}");
}

#[test]
fn parts_have_names_and_contents() {
    check(&format!("{HEAD}xyz\r\n--b--"), "a - 3");
    check(&format!("{HEAD}xyz\r\n--b--\r\n"), "a - 3");
    check(&format!("{HEAD}\r\n\r\n--b--"), "a - 2");
    check(
        "--b\r\nContent-Disposition: form-data; name=\"a\";\r\nContent-Type: application/json\r\n\r\n{}\r\n\
         --b\r\nContent-Type: application/pdf\r\ncontent-disposition: FORM-DATA; name=c; filename=\"x y.pdf\"\r\n\
         Content-Transfer-Encoding: Binary\r\nContent-Length: 4\r\n\r\n\r\n.x\r\n--b--",
        "a - 2; c x y.pdf 4",
    );
}

#[test]
fn a_body_that_could_be_cut_differently_is_unreadable() {
    let with = |field: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n{field}\r\n\r\nx\r\n--b--")
    };
    let named = |value: &str| format!("--b\r\nContent-Disposition: {value}\r\n\r\nx\r\n--b--");
    let table: &[(&str, &str)] = &[
        ("", "does not begin with its boundary"),
        ("x\r\n--b\r\n", "does not begin with its boundary"),
        ("\r\n--b\r\n", "does not begin with its boundary"),
        ("--b--", "is multipart without a part"),
        (&format!("{HEAD}x"), "has no closing boundary"),
        (&format!("{HEAD}x\r\n--b\r\n"), "has no closing boundary"),
        (&format!("{HEAD}x\r\n--b-- after"), "has something else behind a boundary than a line end"),
        (&format!("{HEAD}x\r\n--b--\r\n\r\n"), "has something else behind a boundary than a line end"),
        (&format!("{HEAD}x\r\n--b \r\n"), "has something else behind a boundary than a line end"),
        (&format!("{HEAD}x\r\n--bc\r\n--b--"), "has something else behind a boundary than a line end"),
        (&format!("{HEAD}x\n--b\r\n\r\n--b--"), "holds its boundary where no line begins"),
        (&format!("{HEAD}x--b--\r\n--b--"), "holds its boundary where no line begins"),
        (&format!("{HEAD}x\r\n{HEAD}y\r\n--b--"), "has two parts of one name"),
        (&HEAD.replace("\r\n\r\n", "\n\n--b--"), "holds its boundary where no line begins"),
        (&with(" folded"), "has a part with a header field that is none"),
        (&with("X: a\nContent-Type: b"), "has a part with a header field that is none"),
        (&with("Content-Type : a/b"), "has a part with a header field that is none"),
        (&with("Content-Encoding: gzip"), "has a part with a header field that is not read here"),
        (&with("Content-Length: 2"), "has a part with a header field that is not read here"),
        (&with("content-disposition: form-data; name=z"), "has a part that names a header field twice"),
        (&with("Content-Transfer-Encoding: base64"), "has a part with a transfer encoding; send it binary"),
        (&with("Content-Type: multipart/mixed; boundary=c"), "is multipart of another kind than form-data"),
        (
            &with("Content-Type: multipart/form-data; boundary=c"),
            "has a part that holds parts or a form itself",
        ),
        (&with("Content-Type: text/csv; charset=utf-16"), "has another character set than UTF-8"),
        (&named("attachment; name=a"), "has a part without a name"),
        (&named("form-data"), "has a part without a name"),
        (&named("form-data; name=a; name=b"), "has a part without a name"),
        (&named("form-data; name=\"a\\\"b\""), "has a part without a name"),
        (&named("form-data; name=a; filename*=UTF-8''x"), "has a part without a name"),
        (&named("form-data; name=\"a\" x"), "has a part without a name"),
        (&named("form-data; name=\"\""), "has a part without a name"),
    ];
    for (body, want) in table {
        check(body, want);
    }
    assert_eq!(shown(&[HEAD.as_bytes(), b"\xff\r\n--b--"].concat()), "a - 1");
    let part = |at| format!("--b\r\nContent-Disposition: form-data; name=n{at}\r\n\r\n\r\n");
    let many: Vec<String> = (0..=PARTS_MAX).map(part).collect();
    let many = many.concat();
    check(&format!("{many}--b--"), "holds more than 500 records");
}

#[test]
fn a_media_type_says_one_thing() {
    let check = |text: &str, want: &str| {
        let got = match Media::of(Some(text)) {
            Ok(media) => format!("{media:?}"),
            Err(reason) => reason.to_string(),
        };
        assert_eq!(got, want, "{text}");
    };
    check("application/json", "Text");
    check("application/json;charset=UTF-8", "Text");
    check("text/csv; charset=\"utf-8\"", "Text");
    check("application/x-www-form-urlencoded", "Form");
    check("multipart/form-data; boundary=b", "Multipart { boundary: \"b\" }");
    check("Multipart/Form-Data; Boundary=\"a b\"", "Multipart { boundary: \"a b\" }");
    check("multipart/form-data", "is multipart without a boundary that can be one");
    check("multipart/form-data; boundary=\"a \"", "is multipart without a boundary that can be one");
    check("multipart/form-data; boundary=a; boundary=b", "has a media type that is none");
    check("multipart/form-data; boundary=\"a\\b\"", "has a media type that is none");
    check("multipart/mixed; boundary=a", "is multipart of another kind than form-data");
    check("application/json; charset=utf-16", "has another character set than UTF-8");
    check("application/json; charset=utf-7", "has another character set than UTF-8");
    check("application/json; charset", "has a media type that is none");
    assert_eq!(Media::of(None), Ok(Media::Text));
}

proptest! {
    /// What is written comes back, whatever it holds, unless it holds the boundary.
    #[test]
    fn parts_come_back(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..4)) {
        let mut body = Vec::new();
        for (at, content) in contents.iter().enumerate() {
            body.extend_from_slice(
                format!("--bound\r\nContent-Disposition: form-data; name=\"p{at}\"\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--bound--\r\n");
        let read = parts("bound", &body).unwrap();
        prop_assert_eq!(read.iter().map(|part| part.content.to_vec()).collect::<Vec<_>>(), contents);
    }

    #[test]
    fn any_bytes_are_parts_or_not(body in proptest::collection::vec(prop::sample::select(b"-b\r\n: ;=ax\"".to_vec()), 0..80)) {
        let whole = [HEAD.as_bytes(), &body].concat();
        for text in [&body, &whole] {
            if let Ok(parts) = parts("b", text) {
                prop_assert!(parts.iter().all(|part| memmem::find(part.content, b"--b").is_none()));
            }
        }
    }
}
