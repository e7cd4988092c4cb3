//! Tests of the file of known hosts.

use super::*;

fn id(byte: u8) -> NodeId {
    NodeId::from_bytes([byte; 32])
}

#[test]
fn the_first_node_of_a_target_is_remembered_and_another_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/known_hosts");
    let hosts = KnownHosts::new(path.clone());
    hosts.check("a:1", id(1)).unwrap();
    assert!(!path.exists(), "a check remembers nothing");
    hosts.remember("a:1", id(1)).unwrap();
    hosts.remember("b:2", id(2)).unwrap();
    hosts.remember("a:1", id(1)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("a:1 {}\nb:2 {}\n", id(1), id(2)));
    let error = hosts.check("b:2", id(3)).unwrap_err();
    let text = error.to_string();
    for part in
        [id(2).to_string(), id(3).to_string(), path.display().to_string(), "line 2".into(), "b:2".into()]
    {
        assert!(text.contains(&part), "{text}");
    }
    assert!(matches!(error, TrustError::Changed { line: 2, .. }));
    assert!(matches!(hosts.remember("b:2", id(3)), Err(TrustError::Changed { .. })));
}

#[test]
fn only_listed_peers_come_in() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = KnownHosts::new(folder.path().join("known_hosts"));
    assert!(matches!(hosts.check_listed(id(1)), Err(TrustError::NotListed { .. })));
    hosts.remember("a:1", id(1)).unwrap();
    hosts.check_listed(id(1)).unwrap();
    assert!(matches!(hosts.check_listed(id(2)), Err(TrustError::NotListed { .. })));
}

#[test]
fn comments_and_spaces_are_fine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    // Written by hand: capitals, no end of the last line.
    fs::write(&path, format!("# mine\n\n  HOST:1\t{}  # the desk\n[0::1]:2 {}", id(1), id(2))).unwrap();
    let hosts = KnownHosts::new(path.clone());
    assert!(matches!(hosts.check("host:1", id(9)), Err(TrustError::Changed { line: 3, .. })));
    assert!(matches!(hosts.check("[::1]:2", id(9)), Err(TrustError::Changed { line: 4, .. })));
    hosts.remember("c:3", id(3)).unwrap();
    assert!(matches!(hosts.check("c:3", id(9)), Err(TrustError::Changed { line: 5, .. })));
}

#[test]
fn garbage_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let good = format!("a:1 {}", id(1));
    for bad in
        ["nonsense".into(), "a:1".into(), "a:1 abc".into(), format!("{good} more"), format!("a {}", id(1))]
    {
        fs::write(&path, format!("{good}\n{bad}\n")).unwrap();
        let error = KnownHosts::new(path.clone()).check("z:1", id(1)).unwrap_err();
        assert!(matches!(error, TrustError::Garbage { line: 2, .. }), "{bad}: {error}");
    }
    fs::write(&path, b"# \n\xff\n").unwrap();
    let error = KnownHosts::new(path).check("z:1", id(1)).unwrap_err();
    assert!(matches!(error, TrustError::Garbage { line: 2, .. }));
}

#[test]
fn several_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::thread::scope(|scope| {
        for writer in 0..8u8 {
            let path = path.clone();
            // As from several processes: nothing is shared but the file.
            scope.spawn(move || KnownHosts::new(path).remember(&format!("h{writer}:1"), id(writer)).unwrap());
        }
    });
    let hosts = KnownHosts::new(path);
    for writer in 0..8u8 {
        assert!(hosts.known(&format!("h{writer}:1"), id(writer)).unwrap());
    }
}
