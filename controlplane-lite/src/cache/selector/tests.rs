//! Tables of what selectors match and which texts are refused.

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Pairs {
    Pairs::new(pairs.iter().copied())
}

fn selects(selector: &str, on: &[(&str, &str)]) -> bool {
    let on = labels(on);
    Selector::parse_labels(selector)
        .unwrap()
        .iter()
        .all(|r| r.matches(&on))
}

#[test]
fn label_selectors_match_as_the_reference_says() {
    let on = [("app", "web"), ("tier", "2"), ("empty", "")];
    for (selector, want) in [
        ("", true),
        ("app", true),
        ("!app", false),
        ("! absent", true),
        ("app=web", true),
        ("app==web , tier = 2", true),
        ("app!=web", false),
        ("absent!=web", true),
        ("absent=", false),
        ("empty=", true),
        ("app in (db, web)", true),
        ("app notin (db,web)", false),
        ("absent notin (db)", true),
        ("empty in (,x)", true),
        ("tier>1", true),
        ("tier < 2", false),
        ("app > 1", false),
        ("in in (x)", false),
        ("app=web,tier in (3)", false),
    ] {
        assert_eq!(selects(selector, &on), want, "{selector}");
    }
}

#[test]
fn broken_label_selectors_are_named() {
    for (selector, want) in [
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'",
        ),
    ] {
        assert_eq!(
            Selector::parse_labels(selector).unwrap_err().to_string(),
            want,
            "{selector}"
        );
    }
    for selector in ["a in ()", "a > x", "a==,,", "(", "a in (b))"] {
        assert!(Selector::parse_labels(selector).is_err(), "{selector}");
    }
}

#[test]
fn field_selectors_are_read_with_their_escapes() {
    let read = |text| {
        Selector::parse_fields(text)
            .map(|v| {
                v.into_iter()
                    .map(|r| (r.field, r.value, r.equal))
                    .collect::<Vec<_>>()
            })
            .map_err(|e| e.to_string())
    };
    let one = |f: &str, v: &str, e| (f.to_owned(), v.to_owned(), e);
    for (text, want) in [
        ("", Ok(vec![])),
        ("metadata.name=a", Ok(vec![one("metadata.name", "a", true)])),
        ("a==b,c!=d,", Ok(vec![one("a", "b", true), one("c", "d", false)])),
        (r"a=b\,c\=d\\", Ok(vec![one("a", r"b,c=d\", true)])),
        ("a", Err("invalid selector: 'a'; can't understand 'a'".to_owned())),
        (
            "a!b",
            Err("invalid selector: 'a!b'; can't understand 'a!b'".to_owned()),
        ),
        (
            r"a=\x",
            Err(r"invalid field selector: invalid escape sequence: \x".to_owned()),
        ),
        (
            "a=b=c",
            Err("invalid field selector: unescaped character in value: =".to_owned()),
        ),
    ] {
        assert_eq!(read(text), want, "{text}");
    }
}
