//! Apache Kafka from Maven's central repository: the broker and its runtime dependencies.

use std::fs;
use std::path::Path;

use super::checksum;
use super::fetch::Fetcher;
use super::progress::Progress;
use crate::error::Error;

/// The version of Kafka that is run.
pub(super) const VERSION: &str = "4.1.1";
/// SHA-256 over the lines `name sha256` of all jars, sorted by name.
const DIGEST: &str = "393b6183ea30541e740d0c3b0ac8a681298e703cb63da7602a9fcf4df3ad0aa6";
/// What Maven downloads, itself included, near enough.
const DOWNLOAD_BYTES: u64 = 64_000_000;
/// Pinned, for another version may copy under other names.
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

const FETCHER: Fetcher = Fetcher {
    program: "mvn",
    advice: "install Maven (for example `apt install maven`), or configure an external Kafka",
    what: "Apache Kafka",
};

/// Fetches the jars into `content`; `work` is a folder for Maven's own files.
pub(super) fn fetch(content: &Path, work: &Path) -> Result<(), Error> {
    crate::java::find()?;
    let mut progress = Progress::begin("Apache Kafka", DOWNLOAD_BYTES);
    let pom = work.join("pom.xml");
    fs::write(&pom, pom_xml()).map_err(|e| Error::io(&pom, &e))?;
    let repository = work.join("repository");
    let arguments = [
        "-B".to_string(),
        "-q".into(),
        PLUGIN.into(),
        "-DincludeScope=runtime".into(),
        format!("-DoutputDirectory={}", content.display()),
        // A repository of its own: its growth shows the progress, and nothing is left behind.
        format!("-Dmaven.repo.local={}", repository.display()),
    ];
    FETCHER.run(&arguments, work, &repository, &mut progress)?;
    progress.checking();
    check(content)?;
    progress.end();
    Ok(())
}

/// Says whether the jars are the pinned ones.
pub(super) fn check(content: &Path) -> Result<(), Error> {
    checksum::expect("Apache Kafka", &checksum::of_jars(content)?, DIGEST)
}

fn pom_xml() -> String {
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gapless</groupId>
  <artifactId>embedded-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"#
    )
}
