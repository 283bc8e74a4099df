//! Whatever this process makes is its owner's alone: files 0600, directories 0700.
//!
//! By the process's umask, so that it holds for every file from its first moment on, RocksDB's among them, which takes no
//! mode. A process has one umask: it is set before there is a second thread. Permissions that an operator gives to a file
//! later are not taken back.

use rustix::fs::Mode;
use rustix::process::umask;

/// Has this process make nothing from now on that the group or others may read, write or search.
pub fn keep_private() {
    // Whoever started it with a stricter one meant it.
    let former = umask(Mode::RWXG | Mode::RWXO);
    umask(former | Mode::RWXG | Mode::RWXO);
}
