//! The files of a run: what it is compared with, and where its report goes. Checked before anything is measured.

use std::io;
use std::path::{Path, PathBuf};

use benches::{BaselineError, Plan, Report};

use crate::cli::RunArgs;

/// Files that can be used.
#[derive(Debug)]
pub(crate) struct Files {
    json: Option<PathBuf>,
    html: Option<PathBuf>,
    pub(crate) baseline: Option<Report>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FileError {
    /// The earlier report cannot be read.
    #[error("--baseline {0}: {1}")]
    Read(String, io::Error),
    /// It is no report, or not one to compare with.
    #[error("--baseline {0}: {1}")]
    Baseline(String, BaselineError),
    /// The report has no place there.
    #[error("--{option} {path}: {reason}")]
    Target { option: &'static str, path: String, reason: &'static str },
    /// It could not be written.
    #[error("cannot write {0}: {1}")]
    Write(String, io::Error),
}

impl Files {
    /// Reads the baseline and looks at the places of the report.
    pub(crate) fn check(args: &RunArgs, plan: &Plan) -> Result<Files, FileError> {
        for (option, path) in [("json", &args.json), ("html", &args.html)] {
            if let Some(path) = path {
                check_target(option, path)?;
            }
        }
        if let (Some(json), Some(html)) = (&args.json, &args.html)
            && json == html
        {
            let (path, reason) = (html.display().to_string(), "the JSON goes there");
            return Err(FileError::Target { option: "html", path, reason });
        }
        let baseline = args.baseline.as_deref().map(|path| baseline(path, plan)).transpose()?;
        Ok(Files { json: args.json.clone(), html: args.html.clone(), baseline })
    }

    /// Writes the report wherever it was asked for.
    pub(crate) fn write(&self, report: &Report) -> Result<(), FileError> {
        let write = |path: &Path, text: String| {
            std::fs::write(path, text).map_err(|e| FileError::Write(path.display().to_string(), e))
        };
        if let Some(path) = &self.json {
            write(path, report.to_json())?;
        }
        if let Some(path) = &self.html {
            write(path, benches::page(report, self.baseline.as_ref()))?;
        }
        Ok(())
    }

    /// Where the report went.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.json.iter().chain(&self.html)
    }
}

fn baseline(path: &Path, plan: &Plan) -> Result<Report, FileError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| FileError::Read(name.clone(), e))?;
    let report = Report::from_json(&text).map_err(|e| FileError::Baseline(name.clone(), e))?;
    plan.check_baseline(&report).map_err(|e| FileError::Baseline(name, e))?;
    Ok(report)
}

fn check_target(option: &'static str, path: &Path) -> Result<(), FileError> {
    let refuse = |reason| Err(FileError::Target { option, path: path.display().to_string(), reason });
    if path.is_dir() {
        return refuse("this is a folder");
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return refuse("its folder does not exist");
    }
    Ok(())
}
