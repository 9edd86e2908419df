//! What all that asks a server has in common: which addresses are of this machine or of the network round it, and whom
//! to believe.
//!
//! Opens no connection. Who may is in `tests/tidy.rs`: `models pull`, a comparison that somebody asked for, and the
//! server that the person named for their model.

use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

/// Whether an address is of this machine: it is on no proxy's side, and what goes there stays here.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address is of this machine or of a network that is not the internet: RFC 1918, link-local, unique local
/// (RFC 4193), and the range that carriers and overlay networks share (RFC 6598).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(mapped.into()),
            None => address.is_loopback() || is_local(address),
        },
    }
}

fn is_local(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

/// Whom to believe: Mozilla's list, or the certificates of the file that `SSL_CERT_FILE` names.
#[cfg(any(feature = "pull", feature = "remote"))]
pub fn certificates() -> ureq::tls::RootCerts {
    use ureq::tls::{PemItem, RootCerts};

    let file = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty());
    let Some(pem) = file.and_then(|file| std::fs::read(file).ok()) else {
        return RootCerts::WebPki;
    };
    let items = ureq::tls::parse_pem(&pem);
    let certificates: Vec<_> = items
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_near_and_far() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("192.169.1.1", false),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("100.63.0.1", false),
            ("0.0.0.0", false),
            ("8.8.8.8", false),
            ("255.255.255.255", false),
            ("::1", true),
            ("::", false),
            ("fd12::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:8.8.8.8", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn this_machine_by_its_names() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1", true),
            ("https://[::1]:9", true),
            ("http://127.0.0.1.example.com", false),
            ("http://10.0.0.1", false),
            ("file:///a", false),
        ] {
            assert_eq!(is_this_machine(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
