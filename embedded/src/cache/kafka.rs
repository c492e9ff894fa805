//! Apache Kafka from Maven's central repository: the broker and its runtime dependencies.

use std::fs;
use std::path::Path;

use super::checksum;
use super::fetch::Fetcher;
use super::progress::Progress;
use crate::error::Error;
use crate::part::PartCommand;

/// The version of Kafka that is run.
pub(super) const VERSION: &str = "4.1.1";
/// Kafka logs through slf4j 1.7, and its own package names no binding; its distribution has this.
const LOGGING_VERSION: &str = "2.24.3";
/// SHA-256 over the lines `name sha256` of all jars, sorted by name.
pub(super) const DIGEST: &str = "03990078375407c90b38fd351759bd639c6167306df53c367f406a0a71b226cf";
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
pub(super) fn fetch(
    part_command: Option<&PartCommand>,
    content: &Path,
    work: &Path,
) -> Result<(), Error> {
    crate::java::find()?;
    let mut progress = Progress::begin("Apache Kafka", DOWNLOAD_BYTES);
    let pom = work.join("pom.xml");
    fs::write(&pom, pom_xml()).map_err(|e| Error::io(&pom, &e))?;
    let repository = work.join("repository");
    let arguments = [
        "-B".to_string(),
        "-q".into(),
        "-Dstyle.color=never".into(),
        PLUGIN.into(),
        "-DincludeScope=runtime".into(),
        format!("-DoutputDirectory={}", content.display()),
        // A repository of its own: its growth shows the progress, and nothing is left behind.
        format!("-Dmaven.repo.local={}", repository.display()),
    ];
    FETCHER.run(part_command, &arguments, work, &repository, &mut progress)?;
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
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOGGING_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"#
    )
}
