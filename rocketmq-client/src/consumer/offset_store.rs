//! [`OffsetStore`]: where a broadcasting consumer remembers how far it has read, and [`FileOffsets`], which does so in a file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use rocketmq_protocol::body::{
    self, DecodeOffsetFileError, MessageQueueForC, OffsetFile, ResetOffsetBody,
};

use crate::MessageQueue;

/// Offsets by queue: the next message to read.
pub type Offsets = BTreeMap<MessageQueue, i64>;

/// Where a broadcasting consumer remembers how far it has read. It is called where it may block.
#[doc(alias = "LocalFileOffsetStore")]
pub trait OffsetStore: Send + Sync + 'static {
    /// What was saved last; nothing if nothing was.
    ///
    /// # Errors
    ///
    /// When that cannot be told. The consumer does not start then: it would read everything again, or pass over what it has not read.
    fn load(&self) -> io::Result<Offsets>;

    /// Saves all offsets, whole or not at all.
    ///
    /// # Errors
    ///
    /// When they could not be saved. The consumer goes on, says so, and tries again.
    fn save(&self, offsets: &Offsets) -> io::Result<()>;
}

/// Offsets in a file: valid JSON, replaced as a whole, so that it is complete at whatever moment the process or the machine dies. It has a
/// checksum, and what does not match it is refused, with an [`UnreadableOffsets`] in the error.
///
/// The first time, what a Java or a Go client has left beside it or [elsewhere](Self::import) is taken over.
#[derive(Debug, Clone)]
pub struct FileOffsets {
    path: PathBuf,
    imports: Vec<PathBuf>,
}

/// A file that is there and cannot be believed: another program's, cut, or damaged. Loading fails with an [`io::Error`] that holds it.
#[derive(Debug, thiserror::Error)]
#[error("offsets in {} that cannot be believed", path.display())]
#[non_exhaustive]
pub struct UnreadableOffsets {
    /// The file.
    pub path: PathBuf,
    #[source]
    cause: DecodeOffsetFileError,
}

impl UnreadableOffsets {
    /// Whether it was a file of offsets, of which something has changed.
    pub fn is_damaged(&self) -> bool {
        matches!(self.cause, DecodeOffsetFileError::Damaged)
    }
}

impl FileOffsets {
    /// In this file. Its directories are made if need be.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), imports: Vec::new() }
    }

    /// Takes over what this file of a Java (`offsets.json`) or a Go client (`offset.json`) says, as long as there is no file of our own.
    /// Of several, the first that is there.
    #[must_use]
    pub fn import(mut self, path: impl Into<PathBuf>) -> Self {
        self.imports.push(path.into());
        self
    }

    /// Where Java keeps the offsets of this member of this group, and ours beside them (`consumer/store/LocalFileOffsetStore.java`,
    /// and `consumer/offset_store.go` of the Go client, which takes group and member the other way round).
    pub(super) fn beside_java(home: &Path, member: &str, group: &str) -> Self {
        let java = home.join(".rocketmq_offsets").join(file_name(member)).join(file_name(group));
        let go = home.join(".rocketmq_client_go").join("offsets");
        Self::new(java.join("positions.json"))
            .import(java.join("offsets.json"))
            .import(java.join("offsets.json.bak"))
            .import(go.join(file_name(group)).join(file_name(member)).join("offset.json"))
            .import(go.join(file_name(member)).join(file_name(group)).join("offset.json"))
    }
}

impl OffsetStore for FileOffsets {
    fn load(&self) -> io::Result<Offsets> {
        if let Some(bytes) = read(&self.path)? {
            let file = OffsetFile::decode(&bytes).map_err(|cause| unreadable(&self.path, cause))?;
            let checked = file.is_checked();
            let offsets = file.into_offsets().into_iter().map(named).collect();
            if !checked {
                self.save(&offsets)?;
            }
            return Ok(offsets);
        }
        for path in &self.imports {
            let Some(bytes) = read(path)? else { continue };
            // Java writes in place: what it was writing when it died cannot be read, and the file before it can.
            match body::decode::<ResetOffsetBody>(&bytes) {
                Ok(file) => {
                    tracing::info!(path = %path.display(), "offsets of another client taken over");
                    let table = file.offset_table.0.into_iter();
                    return Ok(table.map(|(queue, offset)| (ours(queue), offset)).collect());
                }
                Err(cause) => tracing::warn!(path = %path.display(), %cause, "not taken over"),
            }
        }
        Ok(Offsets::new())
    }

    fn save(&self, offsets: &Offsets) -> io::Result<()> {
        let entry = |(queue, offset): (&MessageQueue, &i64)| MessageQueueForC {
            broker_name: queue.broker_name.to_string(),
            offset: *offset,
            queue_id: queue.queue_id,
            topic: queue.topic.to_string(),
        };
        let file = OffsetFile::new(offsets.iter().map(entry).collect());
        replace(&self.path, &body::encode(&file))
    }
}

/// Writes beside the file, makes sure that it is on the disk, and takes the file's place.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)?;
    // The new name is to be on the disk too. Elsewhere than on Unix a directory cannot be opened.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

fn unreadable(path: &Path, cause: DecodeOffsetFileError) -> io::Error {
    let error = UnreadableOffsets { path: path.to_owned(), cause };
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn named(entry: MessageQueueForC) -> (MessageQueue, i64) {
    (MessageQueue::new(entry.topic, entry.broker_name, entry.queue_id), entry.offset)
}

fn ours(queue: body::MessageQueue) -> MessageQueue {
    MessageQueue::new(queue.topic, queue.broker_name, queue.queue_id)
}

/// Names may hold what a path must not.
fn file_name(name: &str) -> String {
    name.replace(['/', '\\', ':'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test alone, gone at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let unique = format!("rocketmq-offsets-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(unique);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn offsets(pairs: &[(i32, i64)]) -> Offsets {
        pairs.iter().map(|&(id, offset)| (MessageQueue::new("T", "b", id), offset)).collect()
    }

    #[test]
    fn a17_what_is_saved_is_loaded() {
        let scratch = Scratch::new("round-trip");
        let store = FileOffsets::new(scratch.0.join("deep/er/positions.json"));
        assert_eq!(store.load().unwrap(), Offsets::new());
        for round in 0..3 {
            let saved = offsets(&[(0, round), (1, i64::MAX)]);
            store.save(&saved).unwrap();
            assert_eq!(store.load().unwrap(), saved);
        }
    }

    #[test]
    fn a17_a_death_at_any_byte_leaves_the_file_before() {
        let scratch = Scratch::new("death");
        let path = scratch.0.join("positions.json");
        let store = FileOffsets::new(&path);
        let before = offsets(&[(0, 1)]);
        store.save(&before).unwrap();
        let whole = fs::read(&path).unwrap();
        // Whatever had been written of the next generation lies beside the file.
        for written in 0..=whole.len() {
            fs::write(path.with_extension("tmp"), &whole[..written]).unwrap();
            assert_eq!(store.load().unwrap(), before);
        }
        let after = offsets(&[(0, 2)]);
        store.save(&after).unwrap();
        assert_eq!(store.load().unwrap(), after);
    }

    #[test]
    fn f84_a_file_that_is_no_such_file_is_an_error_and_not_an_empty_one() {
        let scratch = Scratch::new("broken");
        for text in ["", "{", "{}", "{\"version\":3,\"offsets\":[]}", "[]"] {
            let store = FileOffsets::new(scratch.file("positions.json", text));
            let error = store.load().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text}");
            assert!(!typed(&error).is_damaged(), "{text}");
        }
    }

    fn typed(error: &io::Error) -> &UnreadableOffsets {
        error.get_ref().and_then(|cause| cause.downcast_ref()).expect("a typed error")
    }

    #[test]
    fn no_flipped_bit_makes_another_offset_of_one() {
        let scratch = Scratch::new("flipped");
        let path = scratch.0.join("positions.json");
        let (store, saved) = (FileOffsets::new(&path), offsets(&[(0, 1_234), (1, i64::MAX)]));
        store.save(&saved).unwrap();
        let whole = fs::read(&path).unwrap();
        let mut damaged = 0;
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            match store.load() {
                Ok(loaded) => assert_eq!(loaded, saved, "{}", String::from_utf8_lossy(&bytes)),
                Err(error) => damaged += usize::from(typed(&error).is_damaged()),
            }
            assert_eq!(fs::read(&path).unwrap(), bytes, "what is damaged is left as it is");
        }
        assert!(damaged > 0, "flipped digits leave valid JSON");
    }

    #[test]
    fn a_file_without_a_checksum_is_read_once_and_written_with_one() {
        const EARLIER: &str =
            r#"{"version":1,"offsets":[{"brokerName":"b","offset":5,"queueId":0,"topic":"T"}]}"#;
        let scratch = Scratch::new("earlier");
        let path = scratch.file("positions.json", EARLIER);
        let store = FileOffsets::new(&path);
        assert_eq!(store.load().unwrap(), offsets(&[(0, 5)]));
        let rewritten = fs::read_to_string(&path).unwrap();
        fs::write(&path, rewritten.replace("\"offset\":5", "\"offset\":6")).unwrap();
        assert!(typed(&store.load().unwrap_err()).is_damaged());
    }

    #[test]
    fn a30_files_of_java_and_go_are_taken_over_once() {
        const JAVA: &str = "{\n\t\"offsetTable\":{{\n\t\t\t\"brokerName\":\"b\",\n\t\t\t\"queueId\":0,\n\t\t\t\"topic\":\"T\"\n\t\t}:123\n\t}\n}";
        const GO: &str =
            r#"{"offsetTable":{"{\"topic\":\"T\",\"brokerName\":\"b\",\"queueId\":1}":7}}"#;
        let scratch = Scratch::new("import");
        let (java, go) = (scratch.file("offsets.json", JAVA), scratch.file("offset.json", GO));
        let half = scratch.file("half.json", &JAVA[..20]);
        let store = FileOffsets::new(scratch.0.join("positions.json"));
        assert_eq!(store.clone().import(&java).load().unwrap(), offsets(&[(0, 123)]));
        assert_eq!(store.clone().import(&go).load().unwrap(), offsets(&[(1, 7)]));
        let store = store.import(scratch.0.join("none")).import(half).import(java);
        assert_eq!(store.load().unwrap(), offsets(&[(0, 123)]), "the first that can be read");
        store.save(&offsets(&[(0, 124)])).unwrap();
        assert_eq!(store.load().unwrap(), offsets(&[(0, 124)]), "once");
    }
}
