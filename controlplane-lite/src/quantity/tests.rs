use super::*;

#[test]
fn the_canonical_text_keeps_the_family_of_suffixes() {
    let cases = [
        ("0", "0"),
        ("0.0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1500m", "1500m"),
        ("1000000", "1M"),
        ("1.5", "1500m"),
        ("100u", "100u"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("1024", "1024"),
        ("1Ki", "1Ki"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("1536", "1536"),
        ("1000Ki", "1000Ki"),
        ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"),
        ("1e3", "1e3"),
        ("12E3", "12e3"),
        ("1E", "1E"),
        ("1.2e3", "1200"),
        ("100e-1", "10"),
        ("1e-3", "1e-3"),
        ("100Gi", "100Gi"),
        ("1G", "1G"),
        ("9223372036854775807", "9223372036854775807"),
        ("99999999999999999999", "9223372036854775807"),
        ("8Ei", "9223372036854775807"),
        ("0.0001Ki", "102400u"),
        (".5", "500m"),
        ("-0.1n", "-1n"),
        ("-1.5Ki", "-1536"),
        ("1.0000000001", "1000000001n"),
        ("0.3Ki", "307200m"),
        ("1.1Ki", "1126400m"),
    ];
    for (text, canonical) in cases {
        assert_eq!(
            Quantity::parse(text).map(|q| q.to_string()).as_deref(),
            Ok(canonical),
            "{text}"
        );
    }
}

#[test]
fn malformed_texts_are_refused_in_the_reference_words() {
    for (text, error) in [
        ("", QuantityError::Format),
        ("1x", QuantityError::Format),
        ("x", QuantityError::Format),
        ("1 ", QuantityError::Format),
        ("1.2.3", QuantityError::Format),
        ("1ki", QuantityError::Suffix),
        ("1Mk", QuantityError::Suffix),
        ("1K", QuantityError::Suffix),
    ] {
        assert_eq!(Quantity::parse(text), Err(error), "{text}");
    }
}

#[test]
fn amounts_compare_and_add_whatever_their_text() {
    let q = |t| Quantity::parse(t).expect("a quantity");
    assert_eq!(q("1"), q("1000m"));
    assert!(q("1Ki") > q("1k"));
    assert_eq!(q("1Gi").plus(&q("512Mi")).to_string(), "1536Mi");
    assert_eq!(q("0").plus(&q("512Mi")).to_string(), "512Mi");
    assert_eq!(q("1").minus(&q("250m")).to_string(), "750m");
    assert_eq!(q("1.1").value(), 2);
    assert_eq!(q("1.1").milli_value(), 1100);
    assert!(!q("1500m").is_whole());
}
