//! Who we are to which server. Each login goes to the server that it is for, and to no other.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8PathBuf;
use instep_tools::{CancelToken, Environment, Run, find_program};
use url::Url;

use super::sources::Sources;

/// A user and a password. It shows neither.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    /// `None` where it is to be asked for.
    pub(super) password: Option<String>,
}

/// What is known, and how more is found out.
pub(super) struct Credentials {
    /// By origin.
    known: BTreeMap<String, Login>,
    netrc: Vec<Machine>,
    keyring: Option<Keyring>,
}

struct Keyring {
    program: Utf8PathBuf,
    variables: Environment,
    /// The answers, by origin and user: nobody is asked twice.
    answers: Mutex<BTreeMap<(String, String), Option<String>>>,
}

/// An entry of a netrc file; the default one has no name.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    name: Option<String>,
    login: String,
    password: String,
}

/// A keyring may ask a person.
const KEYRING_TIMEOUT: Duration = Duration::from_mins(2);

impl Credentials {
    /// From the addresses themselves, uv's variables, a netrc file, and the program `keyring` where pip or uv was told
    /// to use it as a subprocess.
    pub(super) fn of(sources: &Sources, variables: &Environment) -> Self {
        let mut known = BTreeMap::new();
        for url in sources.indexes.iter().chain(&sources.find_links) {
            if let Some(login) = in_address(url) {
                known.entry(origin(url)).or_insert(login);
            }
        }
        for (url, login) in &sources.logins {
            known.insert(origin(url), login.clone());
        }
        let is_told = ["PIP_KEYRING_PROVIDER", "UV_KEYRING_PROVIDER"]
            .iter()
            .any(|name| variables.var(name) == Some("subprocess"));
        let keyring = is_told.then(|| find_program(variables, "keyring")).flatten();
        let keyring = keyring.map(|program| Keyring {
            program,
            variables: variables.clone(),
            answers: Mutex::default(),
        });
        Self { known, netrc: netrc(variables), keyring }
    }

    /// Who we are to the server of an address, as far as it is known without asking.
    pub(super) fn login(&self, url: &Url) -> Option<(String, String)> {
        let known = in_address(url).or_else(|| self.known.get(&origin(url)).cloned());
        match known {
            Some(Login { user, password: Some(password) }) => return Some((user, password)),
            Some(Login { user, password: None }) => {
                let machine = self.machine(url).filter(|machine| machine.login == user);
                return machine.map(|machine| (machine.login.clone(), machine.password.clone()));
            }
            None => {}
        }
        self.machine(url).map(|machine| (machine.login.clone(), machine.password.clone()))
    }

    /// The same, after the server has asked: the keyring knows the password of a user.
    pub(super) fn asked(&self, url: &Url, cancel: &CancelToken) -> Option<(String, String)> {
        let keyring = self.keyring.as_ref()?;
        let login = in_address(url).or_else(|| self.known.get(&origin(url)).cloned())?;
        if login.password.is_some() || login.user.is_empty() {
            return None;
        }
        let password = keyring.ask(url, &login.user, cancel)?;
        Some((login.user, password))
    }

    fn machine(&self, url: &Url) -> Option<&Machine> {
        let host = url.host_str()?;
        let named = self.netrc.iter().find(|machine| machine.name.as_deref() == Some(host));
        named.or_else(|| self.netrc.iter().find(|machine| machine.name.is_none()))
    }
}

impl Keyring {
    fn ask(&self, url: &Url, user: &str, cancel: &CancelToken) -> Option<String> {
        // Held while it is asked, so that sixteen threads do not ask a person sixteen times.
        let mut answers = self.answers.lock().ok()?;
        let key = (origin(url), user.to_owned());
        if let Some(answer) = answers.get(&key) {
            return answer.clone();
        }
        let mut bare = url.clone();
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        let services = [bare.to_string(), bare.host_str().unwrap_or_default().to_owned()];
        let answer = services.iter().find_map(|service| {
            let run = Run::new(&self.program, &self.variables)
                .args(["get", service, user])
                .timeout(KEYRING_TIMEOUT)
                .run(cancel, &mut |_, _| {});
            let text = run.ok()?.stdout;
            let password = text.trim_end_matches(['\r', '\n']).to_owned();
            (!password.is_empty()).then_some(password)
        });
        answers.insert(key, answer.clone());
        answer
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn in_address(url: &Url) -> Option<Login> {
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some(Login { user: decoded(url.username()), password: url.password().map(decoded) })
}

/// `NETRC`, or the file in the home folder, where there is one that can be read.
fn netrc(variables: &Environment) -> Vec<Machine> {
    let named = variables.var("NETRC").map(|path| vec![variables.cwd().join(path)]);
    let paths = named.unwrap_or_else(|| {
        let home = variables.home();
        [".netrc", "_netrc"].iter().filter_map(|name| home.map(|home| home.join(name))).collect()
    });
    let text = paths.iter().find_map(|path| std::fs::read_to_string(path).ok());
    text.as_deref().map(parse_netrc).unwrap_or_default()
}

/// The words of a netrc file (`man 5 netrc`, as `ftp` and curl read it): `machine NAME` or `default`, then
/// `login`, `password` and `account` with a word each. A macro goes up to an empty line.
fn parse_netrc(text: &str) -> Vec<Machine> {
    let mut machines: Vec<Machine> = Vec::new();
    let mut lines = text.lines();
    let mut pending: Option<String> = None;
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for word in words(line) {
            match pending.take().as_deref() {
                Some("machine") => machines.push(Machine {
                    name: Some(word),
                    login: String::new(),
                    password: String::new(),
                }),
                Some("login") => {
                    if let Some(machine) = machines.last_mut() {
                        machine.login = word;
                    }
                }
                Some("password") => {
                    if let Some(machine) = machines.last_mut() {
                        machine.password = word;
                    }
                }
                Some("macdef") => {
                    lines.by_ref().take_while(|line| !line.trim().is_empty()).for_each(drop);
                    break;
                }
                None if word == "default" => machines.push(Machine {
                    name: None,
                    login: String::new(),
                    password: String::new(),
                }),
                None if ["machine", "login", "password", "account", "macdef"]
                    .contains(&word.as_str()) =>
                {
                    pending = Some(word);
                }
                Some(_) | None => {}
            }
        }
    }
    machines
}

/// Words with white space between them; one in quotation marks may hold some, with `\` before what is meant as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|one| one.is_whitespace()).is_some() {}
        let Some(first) = chars.next() else { return words };
        let mut word = String::new();
        if first == '"' {
            while let Some(one) = chars.next() {
                match one {
                    '"' => break,
                    '\\' => word.extend(chars.next()),
                    one => word.push(one),
                }
            }
        } else {
            word.push(first);
            while let Some(one) = chars.next_if(|one| !one.is_whitespace()) {
                word.push(one);
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: Option<&str>, login: &str, password: &str) -> Machine {
        Machine { name: name.map(str::to_owned), login: login.into(), password: password.into() }
    }

    #[test]
    fn a_netrc_file_is_read() {
        let text = "# a comment\nmachine a.example login ada password s3cret\n\
                    machine b.example\n  login bob\n  account x\n  password \"with \\\"space\"\n\
                    macdef init\nmachine not.example login x password y\n\n\
                    default login anonymous password guest\n";
        assert_eq!(
            parse_netrc(text),
            [
                machine(Some("a.example"), "ada", "s3cret"),
                machine(Some("b.example"), "bob", "with \"space"),
                machine(None, "anonymous", "guest"),
            ]
        );
    }

    fn credentials(index: &str, netrc: &str) -> Credentials {
        let sources = Sources {
            indexes: vec![Url::parse(index).unwrap()],
            find_links: Vec::new(),
            logins: Vec::new(),
        };
        let nobody = Environment::new("/", None, std::iter::empty::<(String, String)>());
        Credentials { netrc: parse_netrc(netrc), ..Credentials::of(&sources, &nobody) }
    }

    #[test]
    fn a_login_goes_to_its_own_server_alone() {
        let known = credentials("https://ada:s%40crt@index.example/simple/", "");
        let login = |url: &str| known.login(&Url::parse(url).unwrap());
        let ada = Some(("ada".to_owned(), "s@crt".to_owned()));
        assert_eq!(login("https://index.example/files/a.whl"), ada);
        for other in
            ["https://index.example:8443/", "http://index.example/", "https://files.example/"]
        {
            assert_eq!(login(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_wins_over_a_netrc_file() {
        let netrc = "machine index.example login bob password b\nmachine other.example login eve password e";
        let known = credentials("https://ada:a@index.example/", netrc);
        let login = |url: &str| known.login(&Url::parse(url).unwrap()).map(|(user, _)| user);
        assert_eq!(login("https://index.example/").as_deref(), Some("ada"));
        assert_eq!(login("https://other.example/").as_deref(), Some("eve"));
        let known = credentials("https://eve@index.example/", netrc);
        // The password of another user is not hers.
        assert_eq!(known.login(&Url::parse("https://index.example/").unwrap()), None);
    }
}
