//! Tests of keys in files.

use std::fs;

use super::*;

#[test]
fn what_is_created_can_be_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/node.pem");
    let created = Identity::create(&path).unwrap();
    assert_eq!(Identity::load(&path).unwrap().node_id(), created.node_id());
    assert_eq!(Identity::load_or_create(&path).unwrap().node_id(), created.node_id());
    assert_eq!(Identity::load(&path).unwrap().derive("x"), created.derive("x"));
    assert_ne!(created.derive("x"), created.derive("y"));
    assert_ne!(Identity::generate().unwrap().node_id(), created.node_id());
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing else is left behind");
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.pem");
    fs::write(&path, "mine").unwrap();
    assert!(matches!(Identity::create(&path), Err(IdentityError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn racing_creators_get_the_same_identity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.pem");
    let ids: Vec<NodeId> = std::thread::scope(|scope| {
        let racers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Identity::load_or_create(&path).unwrap())).collect();
        racers.into_iter().map(|racer| racer.join().unwrap().node_id()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[cfg(unix)]
#[test]
fn keys_are_private_and_exposed_ones_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/node.pem");
    Identity::create(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Identity::load(&path).unwrap_err();
    assert!(matches!(error, IdentityError::Exposed { mode: 0o640, .. }));
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[test]
fn a_file_that_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.pem");
    assert!(Identity::load(&path).unwrap_err().is_missing());
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let large = "x".repeat(100_000);
    for (text, reason) in
        [("nonsense", "PEM"), (other.serialize_pem().as_str(), "another kind"), (large.as_str(), "too large")]
    {
        let _ = fs::remove_file(&path);
        key_file::create(&path, &rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let error = Identity::load(&path).unwrap_err();
        assert!(matches!(&error, IdentityError::Malformed { .. }));
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn the_key_is_not_printed() {
    let identity = Identity::generate().unwrap();
    assert_eq!(format!("{identity:?}"), format!("Identity({:?})", identity.node_id()));
}
