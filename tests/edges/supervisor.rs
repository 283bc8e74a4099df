//! What the daemon tells systemd, or whoever named a socket in `NOTIFY_SOCKET`; a socket of the test's own stands for it.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::daemon::{Daemon, Scene, wait_until};
use crate::program::odometer;

const METRICS: &str = r#"{"metrics": [{"code": "n", "event_type": "t", "aggregation": "count", "period": "minute"}]}"#;

/// Starts the daemon under a supervisor that listens there.
fn supervised(scene: &Scene, socket: &str) -> Daemon {
    let mut program = odometer(["run", "--config", "odometer.toml"]);
    program.env("NOTIFY_SOCKET", socket);
    scene.start_program(program)
}

fn listening(socket: UnixDatagram) -> UnixDatagram {
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    socket
}

#[track_caller]
fn next(socket: &UnixDatagram, scene: &Scene) -> String {
    let mut bytes = [0; 4096];
    let count = socket.recv(&mut bytes);
    let count = count.unwrap_or_else(|error| panic!("no message: {error}\n{}", scene.log()));
    String::from_utf8(bytes[..count].to_vec()).expect("text")
}

#[test]
fn supervisor_is_told_of_readiness_and_of_the_end() {
    let scene = Scene::new(METRICS);
    let path = scene.path("socket");
    let socket = listening(UnixDatagram::bind(&path).expect("a socket"));
    let daemon = supervised(&scene, path.to_str().expect("text"));
    let mut told = next(&socket, &scene);
    if !told.contains("READY=1") {
        assert_eq!(told, "STATUS=not ready: start: it has not started yet");
        told = next(&socket, &scene);
    }
    assert_eq!(told, "READY=1\nSTATUS=ready");
    daemon.terminate(&scene);
    assert_eq!(next(&socket, &scene), "STOPPING=1\nSTATUS=stopping: finishes, commits and leaves");
}

#[test]
fn supervisor_waits_for_what_is_lacking_and_hears_of_it_later() {
    let scene = Scene::new(METRICS);
    std::fs::remove_dir(scene.path("in")).expect("a folder");
    let name = format!("odometer-test-{}", scene.path("").display());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = listening(UnixDatagram::bind_addr(&address).expect("a socket"));
    let daemon = supervised(&scene, &format!("@{name}"));
    let mut told = next(&socket, &scene);
    while told.starts_with("STATUS=not ready: start: ") {
        told = next(&socket, &scene);
    }
    assert!(told.starts_with("STATUS=not ready: source: in"), "{told}");
    std::fs::create_dir(scene.path("in")).expect("a folder");
    told = next(&socket, &scene);
    assert_eq!(told, "READY=1\nSTATUS=ready");
    std::fs::remove_dir(scene.path("in")).expect("a folder");
    told = next(&socket, &scene);
    assert!(told.starts_with("STATUS=not ready: source: in"), "READY is said once: {told}");
    daemon.terminate(&scene);
    assert!(next(&socket, &scene).starts_with("STOPPING=1\n"));
}

#[test]
fn supervisor_that_is_not_there_is_no_reason_to_end() {
    let scene = Scene::new(METRICS);
    let daemon = supervised(&scene, scene.path("nowhere").to_str().expect("text"));
    wait_until(&scene, "it says so", || scene.log().contains("socket does not answer"));
    wait_until(&scene, "it runs", || scene.log().contains("odometer runs"));
    daemon.terminate(&scene);
}
