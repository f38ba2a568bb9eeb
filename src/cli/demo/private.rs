//! Whether a folder is one that only this user may write.
//!
//! What a demo keeps is written into its folder under names that anybody can guess. Whoever else may write there, or may
//! put another folder in its place, could lead what is written to any of this user's files.

use std::fs::{Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Refuses links of other users on the way to a folder; `root`'s are the system's own.
///
/// # Errors
/// There is one, or the way cannot be looked at; the text says what to do.
pub(super) fn on_the_way(path: &Path) -> anyhow::Result<()> {
    let path = std::path::absolute(path).with_context(|| format!("{} cannot be used", path.display()))?;
    let mut so_far = PathBuf::new();
    for part in path.components() {
        so_far.push(part);
        let found = look(&so_far)?;
        if found.is_symlink() && !is_trusted(&found) {
            bail!("{} is a link that another user made; name the folder itself, or another one", so_far.display());
        }
    }
    Ok(())
}

/// Refuses a folder that others may write, or may put another one in place of. One that is empty is made private instead.
/// The path has no links in it.
///
/// # Errors
/// It is refused; the text says what to do.
pub(super) fn is(folder: &Path) -> anyhow::Result<()> {
    let found = look(folder)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to another user; name a folder of your own", folder.display());
    }
    if others_may_write(&found) {
        let is_empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            bail!(
                "other users may write in {}; look at what is in it, take that right away with `chmod go-w {}`, or name \
                 another folder",
                folder.display(),
                folder.display()
            );
        }
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))
            .with_context(|| format!("{} cannot be made private", folder.display()))?;
    }
    for above in folder.ancestors().skip(1) {
        let found = look(above)?;
        // Where the sticky bit is set, as in /tmp, nobody may rename what is another's.
        let is_sticky = found.mode() & 0o1000 != 0;
        if !is_trusted(&found) || others_may_write(&found) && !is_sticky {
            bail!(
                "other users may write in {}, and so put something else in place of {}; name a folder elsewhere",
                above.display(),
                folder.display()
            );
        }
    }
    Ok(())
}

fn look(path: &Path) -> anyhow::Result<Metadata> {
    std::fs::symlink_metadata(path).with_context(|| format!("{} cannot be looked at", path.display()))
}

fn is_trusted(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw()
}

/// A user's own group, which many systems let write by default, has nobody else in it.
fn others_may_write(found: &Metadata) -> bool {
    let of_own_group = found.gid() == rustix::process::getegid().as_raw();
    found.mode() & 0o002 != 0 || found.mode() & 0o020 != 0 && !of_own_group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_to_all(path: &Path, sticky: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(0o777 | sticky)).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused_unless_it_is_empty() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().canonicalize().unwrap().join("kept");
        std::fs::create_dir(&folder).unwrap();
        is(&folder).unwrap();
        open_to_all(&folder, 0);
        is(&folder).unwrap();
        assert_eq!(look(&folder).unwrap().mode() & 0o777, 0o700, "it was empty, and is private from here on");
        std::fs::write(folder.join("planted"), "").unwrap();
        open_to_all(&folder, 0o1000);
        assert!(is(&folder).unwrap_err().to_string().contains("chmod go-w"));
    }

    #[test]
    fn a_folder_that_others_may_replace_is_refused() {
        let top = tempfile::tempdir().unwrap();
        let above = top.path().canonicalize().unwrap().join("above");
        std::fs::create_dir_all(above.join("kept")).unwrap();
        open_to_all(&above, 0);
        assert!(is(&above.join("kept")).unwrap_err().to_string().contains("in place of"));
        open_to_all(&above, 0o1000);
        is(&above.join("kept")).unwrap();
    }

    #[test]
    fn links_and_folders_of_other_users_are_refused() {
        let top = tempfile::tempdir().unwrap();
        let own = top.path().join("own");
        std::os::unix::fs::symlink(top.path(), &own).unwrap();
        on_the_way(&own).unwrap();
        // Only root can make things another user's.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(&own, Some(12_345), None).unwrap();
            assert!(on_the_way(&own.join("deeper")).unwrap_err().to_string().contains("another user"));
            let folder = top.path().canonicalize().unwrap().join("foreign");
            std::fs::create_dir(&folder).unwrap();
            std::os::unix::fs::chown(&folder, Some(12_345), None).unwrap();
            assert!(is(&folder).unwrap_err().to_string().contains("belongs to another user"));
        }
    }
}
