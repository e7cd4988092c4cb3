//! The picture as it comes together, and its way to a PNG file.
//!
//! A file appears under its name only when it is whole: it is written beside it and renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::tile::{Grid, Tile};

/// Pixels of the whole picture, black where no tile has been placed yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    size: [u32; 2],
    pixels: Vec<u8>,
}

/// A tile whose pixels do not fit its place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PlaceError {
    /// The worker rendered something, but not this; the link is fine.
    #[error("expected {expected} bytes of pixels, found {found}")]
    WrongLength {
        /// What the tile's width and height ask for.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// No such tile in this picture.
    #[error("tile {0:?} is not of this picture")]
    WrongTile(Tile),
}

impl Picture {
    /// A black picture.
    pub(crate) fn new(size: [u32; 2]) -> Self {
        Self { size, pixels: vec![0; size[0] as usize * size[1] as usize * 3] }
    }

    /// Puts a tile's pixels where they belong.
    pub(crate) fn place(&mut self, tile: Tile, pixels: &[u8]) -> Result<(), PlaceError> {
        if !Grid::new(self.size).has(tile) {
            return Err(PlaceError::WrongTile(tile));
        }
        if pixels.len() != tile.bytes() {
            return Err(PlaceError::WrongLength { expected: tile.bytes(), found: pixels.len() });
        }
        let row_bytes = tile.w as usize * 3;
        for (row, line) in pixels.chunks_exact(row_bytes).enumerate() {
            let start = ((tile.y as usize + row) * self.size[0] as usize + tile.x as usize) * 3;
            self.pixels[start..start + row_bytes].copy_from_slice(line);
        }
        Ok(())
    }

    /// Writes the PNG, whole or not at all.
    pub(crate) fn save(&self, path: &Path) -> Result<(), SaveError> {
        let fail = |source| SaveError { path: path.to_owned(), source };
        let part = PartFile::beside(path).map_err(fail)?;
        self.write(&part.path).map_err(fail)?;
        part.rename_to(path).map_err(fail)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::options().write(true).create_new(true).open(path)?);
        let mut encoder = png::Encoder::new(&mut out, self.size[0], self.size[1]);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        out.flush()?;
        out.get_ref().sync_all()
    }
}

/// The picture could not be written; nothing stands under its name that was not there before.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub(crate) struct SaveError {
    path: PathBuf,
    source: io::Error,
}

/// Says before the work what would spoil it after: whether a file of this name could be written.
pub(crate) fn check_target(path: &Path) -> Result<(), SaveError> {
    let fail = |source| Err(SaveError { path: path.to_owned(), source });
    if path.is_dir() {
        return fail(io::ErrorKind::IsADirectory.into());
    }
    match fs::metadata(folder_of(path)) {
        Ok(folder) if folder.is_dir() => Ok(()),
        Ok(_) => fail(io::ErrorKind::NotADirectory.into()),
        Err(e) => fail(e),
    }
}

/// A file that goes away unless it is renamed.
struct PartFile {
    path: PathBuf,
}

impl PartFile {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let part = format!(".{}.{}.part", name.display(), std::process::id());
        Ok(Self { path: folder_of(path).join(part) })
    }

    fn rename_to(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After a rename it is not there any more; a rest that cannot be removed hurts nobody.
        let _ = fs::remove_file(&self.path);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::TileIndex;

    fn painted() -> Picture {
        let mut picture = Picture::new([50, 60]);
        let grid = Grid::new([50, 60]);
        for i in 0..grid.count() {
            let tile = grid.tile(TileIndex(i)).unwrap();
            picture.place(tile, &vec![i as u8 * 40 + 10; tile.bytes()]).unwrap();
        }
        picture
    }

    #[test]
    fn tiles_land_where_they_belong() {
        let picture = painted();
        let at = |x: usize, y: usize| picture.pixels[(y * 50 + x) * 3..][..3].to_vec();
        assert_eq!(at(0, 0), [10; 3]);
        assert_eq!(at(47, 47), [10; 3]);
        assert_eq!(at(48, 47), [50; 3]);
        assert_eq!(at(47, 48), [90; 3]);
        assert_eq!(at(49, 59), [130; 3]);
    }

    #[test]
    fn pixels_that_do_not_fit_are_refused() {
        let mut picture = Picture::new([50, 60]);
        let tile = Grid::new([50, 60]).tile(TileIndex(1)).unwrap();
        assert_eq!(picture.place(tile, &[0; 5]), Err(PlaceError::WrongLength { expected: 288, found: 5 }));
        let foreign = Tile { x: 3, ..tile };
        assert_eq!(picture.place(foreign, &[0; 288]), Err(PlaceError::WrongTile(foreign)));
    }

    #[test]
    fn a_saved_picture_reads_back_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.png");
        fs::write(&path, "what was there before").unwrap();
        let picture = painted();
        picture.save(&path).unwrap();
        let file = io::BufReader::new(File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut back = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut back).unwrap();
        assert_eq!(([info.width, info.height], &back), ([50, 60], &picture.pixels));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_picture_that_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A folder of that name: the writing works, the renaming does not.
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("x"), "").unwrap();
        assert!(painted().save(&path).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_hopeless_target_is_known_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_target(&folder.path().join("new.png")).is_ok());
        assert!(check_target(Path::new("new.png")).is_ok());
        assert!(check_target(folder.path()).is_err());
        let error = check_target(&folder.path().join("no/new.png")).unwrap_err().to_string();
        assert!(error.ends_with("no/new.png: No such file or directory (os error 2)"), "{error}");
    }
}
