//! Finds the Java that runs Kafka.

use std::path::PathBuf;
use std::process::Stdio;

use crate::error::Error;
use crate::part::command_without_secrets;

/// What to do when there is none.
pub(crate) const ADVICE: &str = "install a JDK 17 or later (for example `apt install openjdk-17-jdk-headless`), or configure \
     an external Kafka";
/// Kafka 4 runs on this version and later ones.
const VERSION_MIN: u32 = 17;

/// The Java program: `$JAVA_HOME/bin/java`, else the one on the path.
///
/// # Errors
/// There is none, or it is too old, or `JAVA_HOME` leads elsewhere.
pub fn find() -> Result<PathBuf, Error> {
    let missing = || Error::Install {
        program: "java",
        advice: ADVICE,
    };
    let home = std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    let program = match &home {
        Some(home) => PathBuf::from(home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let output = command_without_secrets(&program)
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match home {
            Some(_) => Error::FixPath {
                path: program.clone(),
                reason: format!("JAVA_HOME leads there, and {error}"),
            },
            None => missing(),
        })?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match major_version(&text) {
        // An unknown wording is no reason to refuse.
        None if output.status.success() => Ok(program),
        Some(version) if version >= VERSION_MIN => Ok(program),
        _ => Err(Error::Install {
            program: "a Java of version 17 or later",
            advice: ADVICE,
        }),
    }
}

/// The major version in `openjdk version "17.0.15" 2025-04-15`; old ones say `"1.8.0_292"`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_in_old_and_new_wording() {
        let cases = [
            ("openjdk version \"17.0.15\" 2025-04-15", Some(17)),
            ("java version \"1.8.0_292\"", Some(8)),
            ("openjdk version \"25\"", Some(25)),
            ("openjdk version \"24-ea\"", Some(24)),
            ("something else", None),
        ];
        for (text, version) in cases {
            assert_eq!(major_version(text), version, "{text}");
        }
    }
}
