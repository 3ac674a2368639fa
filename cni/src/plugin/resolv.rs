//! Reads a `resolv.conf` for the result's resolver settings.

use super::Dns;

/// The settings in `text`; the last `domain` and `search` win, as for the C library.
pub(super) fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text
        .lines()
        .map(|l| l.split(['#', ';']).next().unwrap_or_default())
    {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => dns.nameservers.extend(words.next()),
            Some("domain") => dns.domain = words.next().unwrap_or_default(),
            Some("search") => dns.search = words.collect(),
            Some("options") => dns.options.extend(words),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_file_is_read_with_its_comments_left_out() {
        let dns = parse(
            "# made by dhcp\nnameserver 192.0.2.1 # first\nnameserver fd00::1\ndomain a.test\nsearch a b\nsearch c d ; x\noptions ndots:5 edns0\nnonsense\n",
        );
        assert_eq!(dns.nameservers, ["192.0.2.1", "fd00::1"]);
        assert_eq!(
            (dns.domain.as_str(), dns.search.join(" ").as_str()),
            ("a.test", "c d")
        );
        assert_eq!(dns.options, ["ndots:5", "edns0"]);
        assert_eq!(parse(""), Dns::default());
    }
}
