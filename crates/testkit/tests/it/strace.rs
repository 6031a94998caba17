//! The tracer on a program that every system has: what it wrote is what happened, and what it makes
//! fail fails.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testkit::{Fault, Strace, Which};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Writes lines into a file, one call each, and says how it went. In one thread.
const WRITER: &str = "
import os, sys
path, count = sys.argv[1], int(sys.argv[2])
file = os.open(path, os.O_WRONLY | os.O_CREAT)
for n in range(count):
    try:
        os.write(file, b'line %d\\n' % n)
        os.fsync(file)
    except OSError as error:
        print('line', n, error.errno)
print('done')
sys.stdout.flush()
sys.stdin.readline()
try:
    os.write(file, b'late\\n')
    print('late written')
except OSError as error:
    print('late', error.errno)
sys.stdout.flush()
sys.stdin.readline()
os.write(file, b'last\\n')
print('last written')
";

fn writer(prefix: &[String], path: &Path, count: u32) -> Command {
    let mut words = prefix.iter().map(String::as_str).chain(["python3"]);
    let mut command = Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["-c", WRITER])
        .arg(path)
        .arg(count.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_nth_call_on_the_file_fails_and_all_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("file"), folder.path().join("trace"));
    let strace = Strace::new(&output)
        .calls("write,fsync")
        .file(&file)
        .fault(Fault {
            call: "write",
            error: "EIO",
            which: Which::Only(2),
        })
        .fault(Fault {
            call: "fsync",
            error: "ENOSPC",
            which: Which::Between(2, 3),
        });
    let mut child = writer(&strace.prefix(), &file, 5).spawn().unwrap();
    // Its end of input lets it run through.
    drop(child.stdin.take());
    let said = child.wait_with_output().await.unwrap();
    assert!(said.status.success(), "the exit code is the program's own");
    let said = String::from_utf8(said.stdout).unwrap();
    let (eio, enospc) = (5, 28);
    assert_eq!(
        said,
        format!(
            "line 1 {eio}\nline 2 {enospc}\nline 3 {enospc}\ndone\nlate written\nlast written\n"
        )
    );
    let trace = strace.trace().await;
    let injected: Vec<_> = trace
        .injected()
        .iter()
        .map(|call| (call.name.clone(), call.succeeded()))
        .collect();
    assert_eq!(
        injected,
        [
            ("write".to_owned(), false),
            ("fsync".to_owned(), false),
            ("fsync".to_owned(), false)
        ]
    );
    let writes = trace.calls.iter().filter(|call| call.name == "write");
    assert!(trace.calls.iter().all(|call| call.of_file("file")));
    assert_eq!(writes.count(), 7, "{:?}", trace.calls);
}

#[tokio::test]
async fn a_running_process_is_made_to_fail_and_let_go_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("file"), folder.path().join("trace"));
    let mut child = writer(&[], &file, 1).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut said = String::new();
    let mut until = async |end: &str| {
        let mut buffer = [0u8; 256];
        while !said.ends_with(end) {
            let read = stdout.read(&mut buffer);
            let read = tokio::time::timeout(Duration::from_secs(20), read).await;
            let read = read.unwrap().unwrap();
            assert_ne!(read, 0, "ended after {said:?}");
            said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    };
    until("done\n").await;
    let strace = Strace::new(&output)
        .calls("write")
        .file(&file)
        .fault(Fault {
            call: "write",
            error: "ENOSPC",
            which: Which::All,
        });
    let attached = strace.attach(child.id().unwrap()).await;
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"\n")
        .await
        .unwrap();
    until("late 28\n").await;
    assert_eq!(attached.detach().await.injected().len(), 1);
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"\n")
        .await
        .unwrap();
    until("last written\n").await;
    assert!(child.wait().await.unwrap().success());
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "line 0\nlast\n",
        "what failed was not written"
    );
}

#[tokio::test]
async fn a_process_dies_at_its_nth_call() {
    let folder = tempfile::tempdir().unwrap();
    let (file, output) = (folder.path().join("file"), folder.path().join("trace"));
    let strace = Strace::new(&output)
        .calls("write")
        .file(&file)
        .kill("write", 3);
    let mut child = writer(&strace.prefix(), &file, 5).spawn().unwrap();
    let status = child.wait().await.unwrap();
    assert_eq!(status.code(), None, "killed");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("line 0\nline 1\n"), "{written}");
    assert!(!written.contains("line 3"), "{written}");
}
