//! The store itself, and the shelf of one task in it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::{Path, PathPart};
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ObjectMeta, ObjectStore, ObjectStoreExt as _, ObjectStoreScheme, RetryConfig,
};
use tokio::runtime::Runtime;
use url::Url;

use super::Error;
use super::pace::Pace;
use crate::engine::Binding;
use crate::format::{KeptFile, Manifest, NoManifest};
use crate::model::EventTime;

/// An object store, as `checkpoint.store` names it.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
    pace: Pace,
}

/// How often the client asks again by itself, and for how long, before it is told that the store has trouble. Who asks goes on
/// asking; in between readiness and log say so, and a partition that moves away is let go.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: RETRIES_MAX,
    retry_timeout: Duration::from_secs(15),
};
pub(super) const RETRIES_MAX: usize = 3;

/// What would be right.
const WANTED: &str =
    "expected file:///directory, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix";

/// Why a store cannot be opened by that address with these properties, as far as that can be told without it.
///
/// # Errors
/// The reason.
pub fn check_address(url: &str, properties: &BTreeMap<String, String>) -> Result<(), String> {
    let address: Url = url.parse().map_err(|_| WANTED.to_owned())?;
    if !address.username().is_empty() || address.password().is_some() {
        return Err(
            "has a name or password in it: give these in state.checkpoint.properties".to_owned()
        );
    }
    match ObjectStoreScheme::parse(&address).map_err(|_| WANTED.to_owned())?.0 {
        ObjectStoreScheme::Local => {
            check_names(&address, properties)?;
            address.to_file_path().map(drop).map_err(|()| WANTED.to_owned())
        }
        ObjectStoreScheme::AmazonS3
        | ObjectStoreScheme::GoogleCloudStorage
        | ObjectStoreScheme::MicrosoftAzure => cloud(&address, properties).map(drop),
        _ => Err(WANTED.to_owned()),
    }
}

/// The directory that such an address is of; `None`: a server's.
#[must_use]
pub fn directory(url: &str) -> Option<PathBuf> {
    let address: Url = url.parse().ok()?;
    (address.scheme() == "file").then(|| address.to_file_path().ok()).flatten()
}

/// The client passes over names that it does not know.
fn check_names(address: &Url, properties: &BTreeMap<String, String>) -> Result<(), String> {
    let (scheme, _) = ObjectStoreScheme::parse(address).map_err(|_| WANTED.to_owned())?;
    let is_known = |name: &str| match scheme {
        ObjectStoreScheme::AmazonS3 => name.parse::<AmazonS3ConfigKey>().is_ok(),
        ObjectStoreScheme::GoogleCloudStorage => name.parse::<GoogleConfigKey>().is_ok(),
        ObjectStoreScheme::MicrosoftAzure => name.parse::<AzureConfigKey>().is_ok(),
        _ => false,
    };
    match properties.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "takes no property {name:?}: expected names such as aws_region and aws_endpoint, \
             google_service_account, azure_storage_account_name"
        )),
    }
}

/// A store of a vendor's, below the address's path.
fn cloud(
    address: &Url,
    properties: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, String> {
    check_names(address, properties)?;
    // The HTTP client takes the process's; an error only says that there is one already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let own = properties.iter().map(|(key, value)| (key.clone(), value.clone()));
    // The last one of a key counts.
    let options = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
    let options = options.chain(own);
    // Names that a store does not know are another program's.
    macro_rules! built {
        ($builder:ty) => {
            options
                .fold(<$builder>::new().with_url(address.as_str()), |builder, (name, value)| {
                    match name.parse() {
                        Ok(key) => builder.with_config(key, value),
                        Err(_) => builder,
                    }
                })
                .with_retry(RETRY)
                .build()
                .map(|store| Box::new(store) as Box<dyn ObjectStore>)
        };
    }
    let (scheme, prefix) = ObjectStoreScheme::parse(address).map_err(|_| WANTED.to_owned())?;
    let store = match scheme {
        ObjectStoreScheme::AmazonS3 => built!(AmazonS3Builder),
        ObjectStoreScheme::GoogleCloudStorage => built!(GoogleCloudStorageBuilder),
        ObjectStoreScheme::MicrosoftAzure => built!(MicrosoftAzureBuilder),
        _ => return Err(WANTED.to_owned()),
    };
    let store = store.map_err(|error| error.to_string())?;
    Ok(Arc::new(PrefixStore::new(store, prefix)))
}

impl Bucket {
    /// Opens `file:///directory`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. Nothing is asked of it
    /// yet, but that a directory is there, or can be made. `properties` are those of the store, such as `aws_region`; what they
    /// do not say is taken from the process's environment, such as `AWS_ACCESS_KEY_ID`. At most so many bytes a second are sent
    /// and fetched; `None`: as many as go.
    ///
    /// # Errors
    /// Another address, or a property that the store does not take.
    pub fn open(
        url: &str,
        properties: &BTreeMap<String, String>,
        bytes_per_second: Option<u64>,
    ) -> Result<Self, Error> {
        let fault = |reason: String| Error::Address { url: url.to_owned(), reason };
        check_address(url, properties).map_err(fault)?;
        let address: Url = url.parse().map_err(|_| fault(WANTED.to_owned()))?;
        let store: Arc<dyn ObjectStore> = match directory(url) {
            Some(directory) => {
                std::fs::create_dir_all(&directory).map_err(Error::file("make", &directory))?;
                let store = LocalFileSystem::new_with_prefix(&directory);
                Arc::new(store.map_err(|error| fault(error.to_string()))?.with_fsync(true))
            }
            None => cloud(&address, properties).map_err(fault)?,
        };
        Ok(Self::over(store, bytes_per_second))
    }

    pub(super) fn over(store: Arc<dyn ObjectStore>, bytes_per_second: Option<u64>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system gives what a runtime needs");
        Bucket { store, runtime, pace: Pace::new(bytes_per_second) }
    }

    /// Whether anything is there, of whatever task.
    ///
    /// # Errors
    /// A store that does not answer, or does not let this user see what is there.
    pub fn is_used(&self) -> Result<bool, Error> {
        use futures_util::TryStreamExt as _;
        let first = self.runtime.block_on(self.store.list(None).try_next());
        let first = first.map_err(Error::store("listing", &Path::default()))?;
        Ok(first.is_some())
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

/// What one task has there.
#[derive(Debug)]
pub struct Inventory {
    /// The newest first, each with when it was put, by the store's clock.
    pub kept: Vec<(Manifest, EventTime)>,
    /// Why others cannot be understood.
    pub unread: Vec<Error>,
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

    pub(super) fn file(&self, file: &KeptFile) -> Path {
        self.files().join(object_name(file))
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.bucket.pace
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

    async fn file_names(&self) -> Result<BTreeSet<String>, Error> {
        let found = self.list(&self.files()).await?;
        Ok(found.iter().filter_map(|one| one.location.filename()).map(str::to_owned).collect())
    }

    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, Error> {
        use futures_util::TryStreamExt as _;
        let found: Result<Vec<ObjectMeta>, _> = self.store().list(Some(folder)).try_collect().await;
        found.map_err(Error::store("listing", folder))
    }

    pub(super) async fn read_manifest(&self, path: &Path) -> Result<Manifest, Error> {
        let got = self.store().get(path).await.map_err(Error::store("reading", path))?;
        let text = got.bytes().await.map_err(Error::store("reading", path))?;
        Manifest::decode(&text).map_err(|fault| {
            let (path, reason) = (path.to_string(), fault.to_string());
            match fault {
                NoManifest::OtherForm(_) => Error::OtherForm { path, reason },
                NoManifest::Unreadable(_) => Error::Damaged { path, reason },
            }
        })
    }

    /// All manifests that are there.
    ///
    /// # Errors
    /// A store that does not answer.
    pub fn all(&self) -> Result<Inventory, Error> {
        self.wait(async {
            let mut inventory = Inventory { kept: Vec::new(), unread: Vec::new() };
            for object in self.list_manifests().await? {
                let put_at = EventTime::from_micros(object.last_modified.timestamp_micros());
                match self.understood(&object).await? {
                    Some(Ok(manifest)) => inventory.kept.push((manifest, put_at)),
                    Some(Err(error)) => inventory.unread.push(error),
                    None => {}
                }
            }
            Ok(inventory)
        })
    }

    /// The manifests that are there, the newest first, up to the first one that `is_wanted`. One that cannot be understood is
    /// passed over, and told; so is one that is wanted and lacks files: it came late, of a process that had lost the task.
    ///
    /// # Errors
    /// A store that does not answer. Of those that cannot be understood the first, where none is wanted: it may be the one.
    pub fn until(&self, is_wanted: impl Fn(&Manifest) -> bool) -> Result<Vec<Manifest>, Error> {
        self.wait(async {
            let (mut found, mut unread) = (Vec::new(), None);
            let mut files = None;
            for object in self.list_manifests().await? {
                let manifest = match self.understood(&object).await? {
                    Some(Ok(manifest)) => manifest,
                    Some(Err(error)) => {
                        tracing::warn!(%error, "a checkpoint is passed over");
                        unread.get_or_insert(error);
                        continue;
                    }
                    None => continue,
                };
                if !is_wanted(&manifest) {
                    found.push(manifest);
                    continue;
                }
                let files = match &mut files {
                    Some(files) => files,
                    None => files.insert(self.file_names().await?),
                };
                match manifest.files.iter().find(|file| !files.contains(&object_name(file))) {
                    None => {
                        found.push(manifest);
                        return Ok(found);
                    }
                    Some(file) => tracing::warn!(
                        path = %object.location,
                        file = file.name,
                        "a checkpoint is passed over: a file of it is gone"
                    ),
                }
            }
            unread.map_or(Ok(found), Err)
        })
    }

    /// What a manifest says, or why it cannot be understood; `None`: somebody collected it since.
    async fn understood(
        &self,
        object: &ObjectMeta,
    ) -> Result<Option<Result<Manifest, Error>>, Error> {
        match self.read_manifest(&object.location).await {
            Err(Error::Store { cause: object_store::Error::NotFound { .. }, .. }) => Ok(None),
            Err(error @ (Error::Damaged { .. } | Error::OtherForm { .. })) => Ok(Some(Err(error))),
            read => read.map(|manifest| Some(Ok(manifest))),
        }
    }
}

/// What a file is called in the store.
pub(super) fn object_name(file: &KeptFile) -> String {
    format!("{}-{}", file.sha256, file.by)
}
