//! The store itself, and the shelf of one task in it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::{Path, PathPart};
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, ObjectStoreScheme};
use tokio::runtime::Runtime;
use url::Url;

use super::Error;
use crate::engine::Binding;
use crate::format::Manifest;

/// An object store, as `checkpoint.store` names it.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// Opens `file:///directory`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. Nothing is asked of it
    /// yet, but that a directory is there, or can be made. `properties` are those of the store, such as `aws_region`; what they
    /// do not say is taken from the process's environment, such as `AWS_ACCESS_KEY_ID`.
    ///
    /// # Errors
    /// Another address, or a property that the store does not take.
    pub fn open(url: &str, properties: &BTreeMap<String, String>) -> Result<Self, Error> {
        let fault = |reason: String| Error::Address { url: url.to_owned(), reason };
        let wanted = "expected file:///directory, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";
        let address: Url = url.parse().map_err(|_| fault(wanted.to_owned()))?;
        let (scheme, _) =
            ObjectStoreScheme::parse(&address).map_err(|_| fault(wanted.to_owned()))?;
        let store: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local => {
                let directory = address.to_file_path().map_err(|()| fault(wanted.to_owned()))?;
                std::fs::create_dir_all(&directory).map_err(Error::file("make", &directory))?;
                let store = LocalFileSystem::new_with_prefix(&directory);
                Arc::new(store.map_err(|error| fault(error.to_string()))?.with_fsync(true))
            }
            ObjectStoreScheme::AmazonS3
            | ObjectStoreScheme::GoogleCloudStorage
            | ObjectStoreScheme::MicrosoftAzure => {
                // The HTTP client takes the process's; an error only says that there is one already.
                let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
                let own = properties.iter().map(|(key, value)| (key.clone(), value.clone()));
                // The last one of a key counts.
                let options =
                    std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
                let (store, prefix) = object_store::parse_url_opts(&address, options.chain(own))
                    .map_err(|error| fault(error.to_string()))?;
                Arc::new(PrefixStore::new(store, prefix))
            }
            _ => return Err(fault(wanted.to_owned())),
        };
        Ok(Self::over(store))
    }

    pub(super) fn over(store: Arc<dyn ObjectStore>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Bucket { store, runtime: runtime.expect("the system gives what a runtime needs") }
    }

    /// What one task has there.
    #[must_use]
    pub fn shelf(&self, binding: &Binding) -> Shelf<'_> {
        let partition = binding.partition.to_string();
        let parts = [&binding.cluster, &binding.group, &binding.topic, &partition];
        let root = parts.into_iter().map(|part| PathPart::from(part.as_str())).collect();
        Shelf { bucket: self, root }
    }
}

/// The checkpoints of one task.
pub struct Shelf<'b> {
    bucket: &'b Bucket,
    root: Path,
}

impl Shelf<'_> {
    pub(super) fn store(&self) -> &dyn ObjectStore {
        &*self.bucket.store
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.bucket.runtime.block_on(work)
    }

    pub(super) fn files(&self) -> Path {
        self.root.clone().join("files")
    }

    pub(super) fn file(&self, sha256: &str) -> Path {
        self.files().join(sha256)
    }

    pub(super) fn manifests(&self) -> Path {
        self.root.clone().join("manifests")
    }

    pub(super) fn manifest(&self, manifest: &Manifest) -> Path {
        self.manifests().join(format!("{:020}-{}.json", manifest.number, manifest.last()))
    }

    /// What is there of manifests, the one with the highest number first.
    pub(super) async fn list_manifests(&self) -> Result<Vec<ObjectMeta>, Error> {
        let mut found = self.list(&self.manifests()).await?;
        found.retain(|object| object.location.extension() == Some("json"));
        found.sort_by(|one, other| other.location.cmp(&one.location));
        Ok(found)
    }

    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, Error> {
        use futures_util::TryStreamExt as _;
        let found: Result<Vec<ObjectMeta>, _> = self.store().list(Some(folder)).try_collect().await;
        found.map_err(Error::store("listing", folder))
    }

    pub(super) async fn read_manifest(&self, path: &Path) -> Result<Manifest, Error> {
        let got = self.store().get(path).await.map_err(Error::store("reading", path))?;
        let text = got.bytes().await.map_err(Error::store("reading", path))?;
        Manifest::decode(&text)
            .map_err(|fault| Error::Damaged { path: path.to_string(), reason: fault.0 })
    }

    /// The manifests that are there, the newest first.
    ///
    /// # Errors
    /// A store that does not answer, or one of them that is none.
    pub fn all(&self) -> Result<Vec<Manifest>, Error> {
        self.wait(async {
            let mut found = Vec::new();
            for object in self.list_manifests().await? {
                match self.read_manifest(&object.location).await {
                    // Somebody collected it since.
                    Err(Error::Store { cause: object_store::Error::NotFound { .. }, .. }) => {}
                    read => found.push(read?),
                }
            }
            Ok(found)
        })
    }
}
