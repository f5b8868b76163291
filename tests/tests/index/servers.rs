//! Real servers: Python's, with and without TLS, pypiserver, and the index that this machine is set up for; and a proxy,
//! which imitates.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use instep_tests::{Project, installed, tools};
use instep_tools::{CancelToken, Environment, IndexSettings};
use instep_wheel::{Client, Event};

use crate::{World, ask, ask_and_hear, planned};

/// A server of files in a folder, at 127.0.0.1, with TLS where it has a certificate; where it has an authority, only for
/// who has a certificate of that. Says its port in its first line.
const SERVER: &str = "\
import functools, http.server, ssl, sys
folder, certificate, authority = sys.argv[1:4]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
if certificate:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
";

/// A server that ends with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(folder: &Utf8Path, certificate: &str, authority: &str) -> Option<Self> {
        let mut command = Command::new(tools::python()?);
        command.args(["-c", SERVER, folder.as_str(), certificate, authority]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { process, port: line.trim().parse().unwrap() })
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/simple/", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A wheelhouse of one wheel, with its pages.
fn wheelhouse(world: &World) -> Utf8PathBuf {
    world.wheel("one");
    let index = world.index().start();
    world.download(&world.plan_at(&index, &["one"]), &index).unwrap();
    world.out()
}

/// A certificate for 127.0.0.1 that is its own authority, with its key, in one file; skipped without openssl.
fn certificate(folder: &Utf8Path, name: &str) -> Option<Utf8PathBuf> {
    let openssl = tools::system("openssl")?;
    let (key, cert) = (folder.join("key.pem"), folder.join("cert.pem"));
    let mut command = Command::new(openssl);
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]);
    command.args([&format!("/CN={name}"), "-addext", "subjectAltName=IP:127.0.0.1"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.args(["-keyout", key.as_str(), "-out", cert.as_str()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let both = folder.join([name, ".pem"].concat());
    let text = [fs_err::read(&cert).unwrap(), fs_err::read(&key).unwrap()].concat();
    fs_err::write(&both, text).unwrap();
    Some(both)
}

/// What is asked with these settings and variables.
fn asked_with(
    world: &World,
    settings: &IndexSettings,
    variables: &[(&str, &str)],
) -> Result<usize, (String, usize)> {
    let environment = Environment::new(world.root.clone(), None, variables.iter().copied());
    let client = Client::new(settings, &environment).unwrap();
    let mut retries = 0;
    let found = ask_and_hear(&client, &["one"], &mut |event| {
        retries += usize::from(matches!(event, Event::Retrying { .. }));
    });
    match found {
        Ok(found) => Ok(found.values().flatten().count()),
        Err(error) => Err((error.to_string(), retries)),
    }
}

#[test]
fn a_certificate_is_trusted_where_it_is_named_and_not_tried_again_where_it_is_not() {
    let world = World::new();
    let house = wheelhouse(&world);
    let Some(certificate) = certificate(&world.root, "server") else { return };
    let Some(server) = Server::start(&house, certificate.as_str(), "") else { return };
    let url = server.url("https");
    let settings = IndexSettings { index_url: Some(url.clone()), ..IndexSettings::default() };
    let (error, retries) = asked_with(&world, &settings, &[]).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(retries, 0, "{error}");
    let folder = world.root.join("certificates");
    fs_err::create_dir(&folder).unwrap();
    fs_err::copy(&certificate, folder.join("one.pem")).unwrap();
    fs_err::write(folder.join("README"), "no certificate").unwrap();
    let port = server.port.to_string();
    let here = ["127.0.0.1:", &port].concat();
    let named = IndexSettings { cert: Some(certificate.clone()), ..settings.clone() };
    let trusted = IndexSettings { trusted_hosts: vec!["127.0.0.1".into()], ..settings.clone() };
    let ways: [(&IndexSettings, &[(&str, &str)]); 5] = [
        (&settings, &[("SSL_CERT_FILE", certificate.as_str())]),
        (&settings, &[("SSL_CERT_DIR", folder.as_str())]),
        (&settings, &[("UV_INSECURE_HOST", &here)]),
        (&named, &[]),
        (&trusted, &[]),
    ];
    for (settings, variables) in ways {
        assert_eq!(asked_with(&world, settings, variables), Ok(1), "{settings:?} {variables:?}");
    }
}

#[test]
fn who_trusts_a_host_does_not_trust_where_it_sends_to() {
    let world = World::new();
    let house = wheelhouse(&world);
    let Some(certificate) = certificate(&world.root, "server") else { return };
    let Some(server) = Server::start(&house, certificate.as_str(), "") else { return };
    let place = format!("Location: {}one/", server.url("https"));
    let index = world.index().refuse("302 Found", &[&place], usize::MAX).start();
    let here = index.url().trim_start_matches("http://").trim_end_matches("/simple/").to_owned();
    let settings = IndexSettings {
        index_url: Some(index.url()),
        trusted_hosts: vec![here],
        ..IndexSettings::default()
    };
    let (error, _) = asked_with(&world, &settings, &[]).unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    let trusted = [("UV_INSECURE_HOST", "127.0.0.1")];
    assert_eq!(asked_with(&world, &settings, &trusted), Ok(1));
}

#[test]
fn a_client_certificate_is_shown() {
    let world = World::new();
    let house = wheelhouse(&world);
    let Some(certificate) = certificate(&world.root, "server") else { return };
    let Some(own) = crate::servers::certificate(&world.root, "client") else { return };
    let Some(server) = Server::start(&house, certificate.as_str(), own.as_str()) else { return };
    let settings = IndexSettings {
        index_url: Some(server.url("https")),
        cert: Some(certificate),
        ..IndexSettings::default()
    };
    assert!(asked_with(&world, &settings, &[]).is_err());
    assert_eq!(asked_with(&world, &settings, &[("SSL_CLIENT_CERT", own.as_str())]), Ok(1));
    let named = IndexSettings { client_cert: Some(own), ..settings };
    assert_eq!(asked_with(&world, &named, &[]), Ok(1));
}

#[test]
fn pip_and_uv_install_from_a_wheelhouse_that_any_server_serves() {
    let world = World::new();
    let house = wheelhouse(&world);
    let Some(server) = Server::start(&house, "", "") else { return };
    let url = server.url("http");
    let (Some(python), Some(uv)) = (tools::python(), tools::require("uv")) else { return };
    let programs: [(&Utf8Path, &[&str]); 2] = [
        (&python, &["-m", "pip", "--python", ".venv", "install", "--no-input"]),
        (&uv, &["pip", "install", "--no-cache", "--python", ".venv"]),
    ];
    for (program, words) in programs {
        let project = Project::new();
        let mut venv = project.command(&python);
        venv.args(["-m", "venv", "--without-pip", ".venv"]);
        project.finish(venv).success();
        let mut install = project.command(program);
        install.args(words);
        for name in ["PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_OFFLINE", "UV_FIND_LINKS"] {
            install.env_remove(name);
        }
        install.args(["--index-url", &url, "one"]);
        let output = install.output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        assert_eq!(installed(&project.path(".venv"))["one"], "1.0");
    }
}

/// A proxy that leads to one server, whatever it is asked for, and writes down what that was.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&log);
                std::thread::spawn(move || lead(stream, server, &log));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one `CONNECT`, and then passes on what comes from either side.
fn lead(mut stream: TcpStream, server: SocketAddr, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    log.lock().unwrap().push(String::from_utf8(head).unwrap());
    let mut server = TcpStream::connect(server).ok()?;
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (mut from, mut to) = (stream.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut server, &mut stream).ok()?;
    stream.shutdown(std::net::Shutdown::Both).ok()
}

#[test]
fn a_proxy_is_used_with_its_login_except_where_it_is_not_to_be() {
    let world = World::new();
    world.wheel("one");
    let index = world.index().start();
    let address = index.url().trim_start_matches("http://").trim_end_matches("/simple/").to_owned();
    let proxy = Proxy::to(address.parse().unwrap());
    // A host that there is not: only the proxy leads anywhere.
    let url = "http://index.invalid/simple/";
    let through = format!("http://ada:s3cret@{}", proxy.address);
    let settings = IndexSettings { index_url: Some(url.into()), ..IndexSettings::default() };
    let own = IndexSettings { proxy: Some(through.clone()), ..settings.clone() };
    let ways: [(&IndexSettings, &[(&str, &str)]); 4] = [
        (&settings, &[("HTTP_PROXY", &through)]),
        (&settings, &[("http_proxy", &through)]),
        (&settings, &[("ALL_PROXY", &through), ("NO_PROXY", "other.invalid")]),
        (&own, &[]),
    ];
    for (number, (settings, variables)) in ways.into_iter().enumerate() {
        assert_eq!(asked_with(&world, settings, variables), Ok(1), "{variables:?}");
        let asked = proxy.asked();
        assert_eq!(asked.len(), number + 1, "{variables:?}");
        assert!(asked[number].starts_with("CONNECT index.invalid:80 "), "{asked:?}");
        let login = asked[number].to_ascii_lowercase();
        assert!(login.contains("proxy-authorization: basic "), "{asked:?}");
    }
    let direct = IndexSettings { index_url: Some(index.url()), ..IndexSettings::default() };
    let variables = [("HTTP_PROXY", through.as_str()), ("NO_PROXY", "127.0.0.1")];
    assert_eq!(asked_with(&world, &direct, &variables), Ok(1));
    assert_eq!(proxy.asked().len(), 4);
}

fn until_it_listens(port: u16) {
    let end = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nobody listens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn pypiserver_is_an_index() {
    let Some(program) = tools::require("pypi-server") else { return };
    let world = World::new();
    let name = world.wheel("one");
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["run", "--disable-fallback", "--interface", "127.0.0.1", "--port"]);
    command.args([&port.to_string(), "--passwords", ".", "--authenticate", "."]);
    command.arg(world.wheels()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server { process: command.spawn().unwrap(), port };
    until_it_listens(port);
    let client = world.client(&server.url("http"));
    let found = ask(&client, &["one", "two"]).unwrap();
    let file = found[&"one".parse().unwrap()][0].clone();
    assert!(found[&"two".parse().unwrap()].is_empty());
    let plan = instep_wheel::Plan {
        files: vec![planned("one".parse().unwrap(), file)],
        missing: Vec::new(),
    };
    let cancel = CancelToken::new();
    let fetched =
        instep_wheel::download(&plan, &client, &world.out(), None, &mut |_| {}, &cancel).unwrap();
    assert!(fetched.failed.is_empty(), "{fetched:?}");
    world.assert_whole(&[name]);
}

#[test]
fn the_index_of_this_machine_tells_sizes_and_gives_what_was_asked_for() {
    let variables = Environment::capture().unwrap();
    let settings = IndexSettings::from_pip(&variables, None).unwrap();
    let client = Client::new(&settings, &variables).unwrap();
    let world = World::new();
    let found = ask(&client, &["iniconfig"]).unwrap();
    let files = &found[&"iniconfig".parse().unwrap()];
    let file = files.iter().find(|file| file.name == "iniconfig-2.0.0-py3-none-any.whl").unwrap();
    let plan = instep_wheel::Plan {
        files: vec![planned("iniconfig".parse().unwrap(), file.clone())],
        missing: Vec::new(),
    };
    let cancel = CancelToken::new();
    let fetched =
        instep_wheel::download(&plan, &client, &world.out(), None, &mut |_| {}, &cancel).unwrap();
    assert_eq!((fetched.fetched, fetched.failed.len()), (1, 0), "{fetched:?}");
    let size = fs_err::metadata(world.out().join(&file.name)).unwrap().len();
    assert_eq!((fetched.bytes, file.size.unwrap_or(size)), (size, size));
}
