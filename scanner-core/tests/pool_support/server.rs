//! A PostgreSQL server of the tests' own: started when it is first asked for, gone with the process, however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const MISSING: &str = "PostgreSQL is not installed; `make setup` brings it (Debian package postgresql)";

pub struct Server {
    pub port: u16,
    /// Its certificate, for localhost, in PEM; it speaks TLS and plain.
    pub certificate: String,
    /// Its standard input keeps the server alive: the system closes it when this process ends.
    _shell: Child,
}

/// Runs the server until standard input closes; then stops it at once and removes its folder.
const SCRIPT: &str = r#"
set -eu
dir=$1 bin=$2 port=$3 as=$4
exec 3<&0
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir"
set --
if [ -n "$as" ]; then chown -R "$as" "$dir"; set -- setpriv --reuid "$as" --regid "$as" --clear-groups; fi
"$@" "$bin/initdb" -D "$dir/data" -U tester -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$@" "$bin/postgres" -D "$dir/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100 \
    -c ssl=on -c ssl_cert_file="$dir/server.crt" -c ssl_key_file="$dir/server.key" -c shared_buffers=64MB -c logging_collector=off </dev/null 3<&- &
server=$!
(cat <&3 >/dev/null; kill -QUIT "$server" 2>/dev/null) &
wait "$server" || true
"#;

/// The folder with the newest server's programs.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let mut found: Vec<PathBuf> = debian.filter(|folder| folder.join("postgres").exists() && folder.join("initdb").exists()).collect();
    found.sort();
    found.pop().or_else(|| path.into_iter().find(|folder| folder.join("postgres").exists() && folder.join("initdb").exists()))
}

/// The server refuses to run as root, so root lends it another account.
fn account() -> &'static str {
    if std::fs::metadata("/proc/self").map(|m| m.uid()).unwrap_or(1) != 0 {
        return "";
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    if accounts.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" }
}

impl Server {
    fn try_start() -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::Builder::new().prefix("tracetwin-postgres-").tempdir().unwrap().keep();
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(folder.join("server.crt"), certified.cert.pem()).unwrap();
        let mut key = std::fs::OpenOptions::new();
        let mut key = key.write(true).create_new(true).mode(0o600).open(folder.join("server.key")).unwrap();
        key.write_all(certified.signing_key.serialize_pem().as_bytes()).unwrap();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&folder)
            .arg(binaries().expect(MISSING))
            .arg(port.to_string())
            .arg(account())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(shell.stderr.take().unwrap());
        let (mut line, mut said) = (String::new(), String::new());
        while log.read_line(&mut line).unwrap() > 0 {
            if line.contains("database system is ready to accept connections") {
                // Read on, or the server would stop at a full pipe.
                std::thread::spawn(move || {
                    let show = std::env::var_os("TRACETWIN_POSTGRES_LOG").is_some();
                    let mut buffer = [0; 4096];
                    while let Ok(n @ 1..) = log.read(&mut buffer) {
                        if show {
                            let _ = std::io::stderr().write_all(&buffer[..n]);
                        }
                    }
                });
                return Ok(Self { port, certificate: certified.cert.pem(), _shell: shell });
            }
            said.push_str(&line);
            line.clear();
        }
        let _ = shell.wait();
        Err(said)
    }
}

/// The server of this process.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let mut said = String::new();
        // Somebody may take the port between our letting go of it and the server's taking it.
        for _ in 0..5 {
            match Server::try_start() {
                Ok(server) => return server,
                Err(log) => said = log,
            }
        }
        panic!("the server does not start:\n{said}");
    })
}

/// A connection for the test itself.
pub fn admin(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
}

/// The address of a new, empty database.
pub fn new_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = server();
    let name = format!("pool_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut client = admin(&format!("postgres://tester@127.0.0.1:{}/postgres", server.port));
    client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    format!("postgres://tester@127.0.0.1:{}/{name}", server.port)
}
