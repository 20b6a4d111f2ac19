//! Commands in back quotes. None is ever run: those that are known say something about our settings, others are an
//! error.

use super::sysctl;
use crate::tcp::Config;

/// What a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A setting of the kernel: name without `net.ipv4.`, and value.
    Sysctl(String, String),
    /// The settings that the common `defaults.sh` makes.
    Defaults,
    /// Of no meaning without a kernel and a device.
    Nothing,
}

/// What `text` asks for.
///
/// # Errors
///
/// The first part that is not known.
pub fn interpret(text: &str) -> Result<Vec<Command>, String> {
    let mut commands = Vec::new();
    for part in parts(text)? {
        one(&part, &mut commands)?;
    }
    Ok(commands)
}

impl Command {
    /// Changes `config` accordingly. The error says what cannot be done.
    pub fn apply(&self, config: &mut Config) -> Result<(), String> {
        match self {
            Command::Nothing => Ok(()),
            Command::Sysctl(name, value) => sysctl::apply(config, name, value),
            Command::Defaults => {
                sysctl::DEFAULTS.iter().try_for_each(|(name, value)| sysctl::apply(config, name, value))
            }
        }
    }
}

/// Words of every simple command: quotes hold together, a backslash joins lines, `#` begins a comment.
fn parts(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut parts, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' if signs.next_if_eq(&'\n').is_some() => {}
            '\'' | '"' => {
                let inside = word.get_or_insert_default();
                loop {
                    match signs.next() {
                        None => return Err("a quote without an end".into()),
                        Some(end) if end == sign => break,
                        Some(other) => inside.push(other),
                    }
                }
            }
            '#' if word.is_none() => while signs.next_if(|sign| *sign != '\n').is_some() {},
            '&' if word.as_ref().is_some_and(|word| word.ends_with('>')) => word.get_or_insert_default().push('&'),
            '\n' | ';' | '&' | '|' => {
                words.extend(word.take());
                if !words.is_empty() {
                    parts.push(std::mem::take(&mut words));
                }
            }
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if !words.is_empty() {
        parts.push(words);
    }
    Ok(parts)
}

fn one(words: &[String], into: &mut Vec<Command>) -> Result<(), String> {
    let Some((name, rest)) = words.split_first() else { return Ok(()) };
    let file = name.rsplit('/').next().unwrap_or(name);
    // Where output goes does not matter: there is none.
    let silent = |word: &&str| word.contains("/dev/null") || word.ends_with(">&1") || word.ends_with(">&2");
    let mut rest: Vec<&str> = rest.iter().map(String::as_str).filter(|word| !silent(word)).collect();
    if rest.last() == Some(&">") {
        rest.pop();
    }
    match (file, rest.as_slice()) {
        ("defaults.sh" | "set_defaults.sh", []) => into.push(Command::Defaults),
        ("sysctl" | "set_sysctls.py", settings) => {
            for setting in settings.iter().filter(|word| !matches!(**word, "-q" | "-w" | "-e" | "-qw")) {
                let Some((name, value)) = setting.split_once('=') else {
                    return Err(format!("{setting} in {} is no NAME=VALUE", words.join(" ")));
                };
                into.push(sysctl::command(name, value)?);
            }
        }
        ("echo", [value, ">", path]) => into.push(sysctl::command(path, value)?),
        ("ip", ["tcp_metrics", "flush", ..]) | ("true" | "sync", []) => into.push(Command::Nothing),
        // How a device queues and paces, or cuts what leaves: there is none, and we do neither.
        ("tc", ["qdisc", "add" | "replace", "dev", _, "root", "pfifo" | "fq"]) => into.push(Command::Nothing),
        ("ethtool", ["-K", _, ..]) => into.push(Command::Nothing),
        (restore, []) if restore.starts_with("sysctl_restore") => into.push(Command::Nothing),
        _ => {
            return Err(format!(
                "the command `{}` is not known, and none is ever run; sysctl, defaults.sh, set_sysctls.py and a few others \
                 are understood (--ignore-commands leaves out what is not)",
                words.join(" ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Command {
        Command::Sysctl(name.into(), value.into())
    }

    #[test]
    fn what_scripts_ask_for_is_understood_without_a_shell() {
        assert_eq!(interpret("../common/defaults.sh"), Ok(vec![Command::Defaults]));
        assert_eq!(
            interpret(
                "../common/defaults.sh\n ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_wmem=\"4096 50000 4194304\" \\\n /proc/sys/net/ipv4/tcp_sack=0"
            ),
            Ok(vec![Command::Defaults, set("tcp_wmem", "4096 50000 4194304"), set("tcp_sack", "0")])
        );
        assert_eq!(interpret("sysctl -q net.ipv4.tcp_ecn=2    # server"), Ok(vec![set("tcp_ecn", "2")]));
        assert_eq!(interpret("sysctl -qw net/ipv4/tcp_sack=1 > /dev/null 2>&1; true").unwrap().len(), 2);
        assert_eq!(interpret("echo 0 > /proc/sys/net/ipv4/tcp_sack"), Ok(vec![set("tcp_sack", "0")]));
    }

    #[test]
    fn anything_else_is_refused() {
        for command in
            ["rm -rf /", "tc qdisc add dev tun0 root pfifo limit 0", "sysctl net.ipv4.unheard_of=1", "echo \"x"]
        {
            assert!(interpret(command).is_err(), "{command}");
        }
    }
}
