//! The certificate of a site: whose signature counts for what, and what happens when its files change.
//!
//! Flow: [`super::Site`] and the files that it follows → here.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use webpki::anchor_from_trusted_cert;

/// An authority, and what it has signed for `play.example` and all below `*.lan.example`: chain and key, both PEM.
fn signed() -> (CertificateDer<'static>, String, String) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["play.example".to_owned(), "*.lan.example".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    (authority.der().clone(), leaf.pem(), key.serialize_pem())
}

fn site(certificate: &str, key: &str, authority: &CertificateDer<'_>) -> Site {
    Site::from_pem(certificate, key, &[anchor_from_trusted_cert(authority).unwrap()]).unwrap()
}

/// An authority, and a site that it has signed for `play.example` and all below `*.lan.example`.
pub(crate) fn signed_site() -> (CertificateDer<'static>, Site) {
    let (authority, certificate, key) = signed();
    let site = site(&certificate, &key, &authority);
    (authority, site)
}

#[test]
fn only_a_known_authority_makes_a_certificate_speak_for_names() {
    let (authority, certificate, key) = signed();
    let ours = site(&certificate, &key, &authority);
    assert_eq!(ours.signed_for(), ["play.example", "*.lan.example"]);
    for (host, covered) in
        [("play.example", true), ("Den.LAN.example", true), ("a.b.lan.example", false), ("192.0.2.1", false)]
    {
        assert_eq!(ours.for_name(host).is_some(), covered, "{host}");
    }
    let (stranger, ..) = signed();
    assert!(site(&certificate, &key, &stranger).signed_for().is_empty());
    let public = webpki_roots::TLS_SERVER_ROOTS;
    assert!(Site::from_pem(&certificate, &key, public).unwrap().signed_for().is_empty(), "no browser knows this one");
}

#[test]
fn a_certificate_that_nobody_signed_speaks_for_no_name() {
    let (certificate, key) = Site::make_pem(vec!["play.example".to_owned(), "192.0.2.7".to_owned()]).unwrap();
    let site = Site::from_pem(&certificate, &key, webpki_roots::TLS_SERVER_ROOTS).unwrap();
    assert!(site.signed_for().is_empty() && site.for_name("play.example").is_none());
    let left = site.good_for(SystemTime::now());
    assert!((SELF_MADE_LIFE - Duration::from_secs(7200)..SELF_MADE_LIFE).contains(&left), "{left:?}");
    assert_eq!(site.good_for(SystemTime::now() + SELF_MADE_LIFE), Duration::ZERO);
    assert!(!format!("{site:?}").contains("BEGIN"));
}

#[test]
fn what_cannot_be_used_is_told_in_words() {
    let (certificate, key) = Site::make_pem(vec!["a.example".to_owned()]).unwrap();
    let (_, other) = Site::make_pem(vec!["b.example".to_owned()]).unwrap();
    let why = |certificate: &str, key: &str| Site::from_pem(certificate, key, &[]).unwrap_err();
    assert!(why("", &key).contains("no certificate in PEM form"));
    assert!(why(&key, &key).contains("no certificate in PEM form"));
    assert!(why(&certificate, &certificate).contains("no private key in PEM form"));
    assert_eq!(why(&certificate, &other), "the key does not belong to the certificate.");
    let nowhere = SiteFiles { certificate: "nowhere.pem".into(), key: "nowhere.key".into() };
    assert!(Site::open(&nowhere).unwrap_err().starts_with("Cannot read `nowhere.pem`: "));
}

#[test]
fn files_are_read_again_when_they_change() {
    let folder = std::env::temp_dir().join(format!("crosswire-site-{:016x}", rand::random::<u64>()));
    fs::create_dir_all(&folder).unwrap();
    let files = SiteFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    let mut age = 0;
    let mut write = |certificate: &str, key: &str| {
        for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
            fs::write(path, text).unwrap();
            // The clock of the file system may be too coarse to see two writes.
            age += 10;
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + age);
            fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
        }
    };
    let made = |name: &str| Site::make_pem(vec![name.to_owned()]).unwrap();
    let (first, second) = (made("a.example"), made("b.example"));
    write(&first.0, &first.1);
    let site = Site::open(&files).unwrap();
    let leaf = || site.shown.read(|loaded| loaded.key.cert.first().cloned().unwrap());
    let before = leaf();
    write(&second.0, &first.1);
    for _ in 0..2 {
        assert!(site.look(&files).is_err_and(|why| why.contains("the key does not belong")), "it is tried again");
        assert_eq!(leaf(), before, "half of it is of no use");
    }
    fs::remove_file(&files.key).unwrap();
    site.look(&files).unwrap();
    assert_eq!(leaf(), before, "it is just being replaced");
    write(&second.0, &second.1);
    site.look(&files).unwrap();
    assert_ne!(leaf(), before);
    let validity =
        Some(Validity { until: SystemTime::UNIX_EPOCH, ..site.shown.read(|loaded| loaded.validity).unwrap() });
    let names = vec!["b.example".to_owned()];
    let expired = site.shown.read(|loaded| Loaded { validity, names: names.clone(), ..loaded.clone() });
    assert!(expired.names_at(SystemTime::now()).is_empty(), "no browser trusts it any more");
    assert_eq!(expired.names_at(SystemTime::UNIX_EPOCH), names);
    fs::remove_dir_all(&folder).unwrap();
}
