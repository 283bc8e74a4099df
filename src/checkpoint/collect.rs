//! Forgetting what nobody needs: checkpoints before one whose commit is visible, and files that no manifest names.
//!
//! Both only once they are old by the store's own clock, which says when each was put: whoever reads a checkpoint, or puts
//! files whose manifest comes last, has that long for it.
//!
//! A deletion of which nothing was heard may come to the store later: no file is ever put again under a name that somebody
//! may have deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::bucket::object_name;
use super::{Base, Error, Shelf};
use crate::format::Manifest;

impl Shelf<'_> {
    /// Deletes what is older than `age` and was replaced by `newest`, a checkpoint that this process put and whose commit is
    /// visible. What `base` puts behind it gets other names. Returns how many objects went.
    ///
    /// # Errors
    /// A store that does not answer, or a manifest that is none: then no file is deleted.
    pub fn collect(
        &self,
        base: &mut Base,
        newest: &Manifest,
        age: Duration,
    ) -> Result<usize, Error> {
        base.rename();
        self.wait(self.collected(newest, age))
    }

    async fn collected(&self, newest: &Manifest, age: Duration) -> Result<usize, Error> {
        let own = self.manifest(newest);
        let manifests = self.list_manifests().await?;
        let Some(now) = manifests.iter().find(|object| object.location == own) else {
            // Without the store's clock nothing is old.
            return Ok(0);
        };
        let now = now.last_modified;
        let is_old = |object: &ObjectMeta| {
            let since = now.signed_duration_since(object.last_modified).to_std();
            since.is_ok_and(|since| since >= age)
        };
        let mut gone = 0;
        let mut named = BTreeSet::new();
        for object in &manifests {
            if object.location < own && is_old(object) {
                self.delete(object).await?;
                gone += 1;
                continue;
            }
            match self.read_manifest(&object.location).await {
                // Somebody collects who is further: what that one named may be named by others that are not in the list.
                Err(Error::Store { cause: object_store::Error::NotFound { .. }, .. }) => {
                    return Ok(gone);
                }
                read => named.extend(read?.files.iter().map(object_name)),
            }
        }
        for object in self.list(&self.files()).await? {
            let is_named = object.location.filename().is_some_and(|name| named.contains(name));
            if !is_named && is_old(&object) {
                self.delete(&object).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn delete(&self, object: &ObjectMeta) -> Result<(), Error> {
        match self.store().delete(&object.location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(Error::store("deleting", &object.location)(cause)),
        }
    }
}
