use super::*;

type Check = fn(&str) -> Messages;

#[test]
fn valid_texts_pass() {
    let cases: &[(Check, &[&str])] = &[
        (dns_label, &["a", "my-name", "123-abc", "0"]),
        (dns_subdomain, &["a", "a.b", "example.com", "1.2.3"]),
        (dns_subdomain_underscore, &["_tcp.example", "a_b.c"]),
        (wildcard_subdomain, &["*.example.com"]),
        (dns_1035_label, &["a", "abc-123"]),
        (qualified_name, &["a", "My.Name_1", "example.com/name"]),
        (label_value, &["", "a", "A.b_c-1"]),
        (path_segment, &["system:node", "a", ""]),
        (text::port_name, &["http", "a-1"]),
        (text::percent, &["0%", "25%"]),
        (text::env_name, &["A", "a b", "1x"]),
        (text::config_key, &["a", ".a", "A_b-c.d"]),
    ];
    for (check, texts) in cases {
        for text in *texts {
            assert_eq!(check(text), Messages::new(), "{text}");
        }
    }
}

#[test]
fn messages_are_those_of_the_reference() {
    let long = "a".repeat(300);
    let cases: &[(Check, &str, &[&str])] = &[
        (dns_label, "a.b", &["must not contain dots"]),
        (
            dns_label,
            "A",
            &[
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ],
        ),
        (dns_label, &long, &["must be no more than 63 characters"]),
        (dns_subdomain, &long, &["must be no more than 253 characters"]),
        (
            dns_subdomain,
            "",
            &[
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        ),
        (
            dns_1035_label,
            "1a",
            &[
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
            ],
        ),
        (qualified_name, "/x", &["prefix part must be non-empty"]),
        (
            qualified_name,
            &long,
            &["name part must be no more than 63 bytes"],
        ),
        (
            qualified_name,
            "",
            &[
                "name part must be non-empty",
                "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ],
        ),
        (
            qualified_name,
            "a/b/c",
            &[
                "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            ],
        ),
        (
            label_value,
            "-",
            &[
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ],
        ),
        (path_segment, "..", &["may not be '..'"]),
        (
            path_segment,
            "a/b%",
            &["may not contain '/'", "may not contain '%'"],
        ),
        (
            text::port_name,
            "-A b",
            &[
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                "must not begin or end with a hyphen",
            ],
        ),
        (text::config_key, "..", &["must not be '..'"]),
        (
            text::env_name,
            "",
            &["environment variable name must be non-empty"],
        ),
    ];
    for (check, text, messages) in cases {
        assert_eq!(check(text), *messages, "{text}");
    }
}

#[test]
fn a_generated_name_may_end_in_a_dash_before_its_suffix() {
    assert_eq!(name_is_subdomain("gen-", true), Messages::new());
    assert_ne!(name_is_subdomain("gen-", false), Messages::new());
    assert_ne!(name_is_subdomain("-", true), Messages::new());
}

#[test]
fn addresses_are_read_with_leading_zeros_and_warned_of() {
    use crate::field::Path;
    let path = Path::of("spec").child("clusterIP");
    assert_eq!(
        net::parse_ip_sloppy("010.1.02.000")
            .map(|ip| ip.to_string())
            .as_deref(),
        Some("10.1.2.0")
    );
    assert_eq!(net::parse_ip_sloppy("10.1.2"), None);
    assert_eq!(net::parse_cidr_sloppy("10.0.0.0/99"), None);
    assert_eq!(net::ip_warning(&path, "10.1.2.3"), None);
    assert_eq!(
        net::ip_warning(&path, "010.1.2.3").as_deref(),
        Some(
            "spec.clusterIP: non-standard IP address \"010.1.2.3\" will be considered invalid in a future Kubernetes release: use \"10.1.2.3\""
        )
    );
    assert_eq!(
        net::cidr_warnings(&path, "10.1.2.3/8"),
        [
            "spec.clusterIP: CIDR value \"10.1.2.3/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.1.2.3/32\"?)"
        ]
    );
}
