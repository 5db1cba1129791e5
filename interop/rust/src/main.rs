//! rskafka: a small client without groups, made for reading and writing single partitions.

mod vectors;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use vectors::Vector;

type Outcome = Result<(), String>;

const CODECS: [(&str, Compression); 5] = [
    ("none", Compression::NoCompression),
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];
const LACKS: [&str; 2] = ["null-header", "repeated-header"];
const LIMIT: Duration = Duration::from_secs(15);
const LARGEST_BATCH_BYTES: usize = 950_000;

struct Run {
    client: Client,
    prefix: String,
    vectors: Vec<Vector>,
    passed: u32,
    failed: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let argument: Vec<String> = std::env::args().collect();
    let client = ClientBuilder::new(vec![argument[1].clone()]).build().await.expect("a connection");
    let vectors = vectors::read(&argument[2], &LACKS);
    let mut run = Run { client, prefix: argument[3].clone(), vectors, passed: 0, failed: 0 };
    for lack in LACKS {
        println!("skip records that need {lack}: this client cannot express them");
    }
    run.all().await;
    println!("skip bad config: this client cannot create a topic with settings");
    println!("{} passed, {} failed, {} skipped", run.passed, run.failed, LACKS.len() + 1);
    std::process::exit(i32::from(run.failed > 0));
}

impl Run {
    async fn all(&mut self) {
        let topic = format!("{}-vectors", self.prefix);
        let outcome = timely(self.create_topic(&topic)).await;
        self.report("create topic", outcome);
        for (partition, (codec, compression)) in (0..).zip(CODECS) {
            let outcome = timely(self.produce(&topic, partition, compression)).await;
            self.report(&format!("produce {codec}"), outcome);
            println!("wrote {topic} {partition} {codec} {}", LACKS.join(","));
            let outcome = timely(self.compare_from(&topic, partition, 0, 1 << 20)).await;
            self.report(&format!("consume {codec}"), outcome);
        }
        let outcome = timely(self.compare_from(&topic, 4, 57, 1 << 20)).await;
        self.report("from the middle", outcome);
        let outcome = timely(self.compare_from(&topic, 0, 0, 100)).await;
        self.report("a batch larger than the fetch may be", outcome);
        let outcome = timely(self.from_timestamp(&topic)).await;
        self.report("from a timestamp", outcome);
        let outcome = timely(self.from_end(&topic)).await;
        self.report("from the end", outcome);
        let outcome = timely(self.too_large()).await;
        self.report("too large", outcome);
        let outcome = timely(self.unknown_topic()).await;
        self.report("unknown topic", outcome);
        let outcome = timely(self.bad_topics()).await;
        self.report("bad topics", outcome);
        let outcome = timely(self.out_of_range()).await;
        self.report("an offset out of range", outcome);
        let outcome = timely(self.delete_records_and_topic()).await;
        self.report("delete records and topic", outcome);
    }

    fn report(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Err(why) => {
                self.failed += 1;
                println!("not ok {name}: {}", why.replace('\n', " "));
            }
        }
    }

    async fn create(&self, topic: &str, partitions: i32, replicas: i16) -> Result<(), Error> {
        self.client.controller_client()?.create_topic(topic, partitions, replicas, 10_000).await
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<PartitionClient, String> {
        let made = self.client.partition_client(topic, partition, UnknownTopicHandling::Retry).await;
        made.map_err(text)
    }

    async fn create_topic(&self, topic: &str) -> Outcome {
        self.create(topic, CODECS.len() as i32, 1).await.map_err(text)?;
        fails("creating it again", ProtocolError::TopicAlreadyExists, self.create(topic, 1, 1).await)?;
        let topics = self.client.list_topics().await.map_err(text)?;
        let found = topics.iter().find(|one| one.name == topic).ok_or("the topic is not listed")?;
        equal("partitions", CODECS.len(), found.partitions.len())
    }

    async fn produce(&self, topic: &str, partition: i32, compression: Compression) -> Outcome {
        let client = self.partition(topic, partition).await?;
        let mut next = 0;
        for group in groups(&self.vectors) {
            let expected: Vec<i64> = (next..next + group.len() as i64).collect();
            let offsets = client.produce(group.iter().map(|one| record(one)).collect(), compression).await;
            equal("offsets", expected, offsets.map_err(text)?)?;
            next += group.len() as i64;
        }
        Ok(())
    }

    async fn compare_from(&self, topic: &str, partition: i32, first: usize, fetch_bytes: i32) -> Outcome {
        let client = self.partition(topic, partition).await?;
        let mut next = first;
        while next < self.vectors.len() {
            let fetched = client.fetch_records(next as i64, 1..fetch_bytes, 1000).await;
            let (records, high_watermark) = fetched.map_err(text)?;
            equal("high watermark", self.vectors.len() as i64, high_watermark)?;
            for got in records {
                compare(&self.vectors[next], next, &got)?;
                next += 1;
            }
        }
        Ok(())
    }

    async fn from_timestamp(&self, topic: &str) -> Outcome {
        let pivot = self.vectors.iter().find(|one| one.name == "small-100").ok_or("no small-100")?;
        let between_ms = pivot.timestamp_ms - 1;
        let first = self.vectors.iter().position(|one| one.timestamp_ms >= between_ms).ok_or("nothing after it")?;
        for (partition, (codec, _)) in (0..).zip(CODECS) {
            let client = self.partition(topic, partition).await?;
            let offset = client.get_offset(OffsetAt::Timestamp(time(between_ms))).await.map_err(text)?;
            equal(&format!("offset in {codec}"), first as i64, offset)?;
        }
        self.compare_from(topic, 3, first, 1 << 20).await
    }

    async fn from_end(&self, topic: &str) -> Outcome {
        let client = self.partition(topic, 0).await?;
        equal("start", 0, client.get_offset(OffsetAt::Earliest).await.map_err(text)?)?;
        let end = client.get_offset(OffsetAt::Latest).await.map_err(text)?;
        equal("end", self.vectors.len() as i64, end)?;
        client.produce(vec![small("fresh")], Compression::NoCompression).await.map_err(text)?;
        let (records, _) = client.fetch_records(end, 1..1 << 20, 1000).await.map_err(text)?;
        equal("value", Some(b"fresh".to_vec()), records[0].record.value.clone())
    }

    async fn too_large(&self) -> Outcome {
        let topic = format!("{}-too-large", self.prefix);
        self.create(&topic, 1, 1).await.map_err(text)?;
        let large = Record { value: Some(vec![0; 2 << 20]), ..small("") };
        let sent = self.partition(&topic, 0).await?.produce(vec![large], Compression::NoCompression).await;
        fails("2 MB", ProtocolError::MessageTooLarge, sent)
    }

    /// Asking for an unknown topic creates it, because this client's requests are too old to say no; so it is one that
    /// is gone again.
    async fn unknown_topic(&self) -> Outcome {
        let topic = format!("{}-gone", self.prefix);
        self.create(&topic, 1, 1).await.map_err(text)?;
        let made = self.client.partition_client(&topic, 0, UnknownTopicHandling::Error).await.map_err(text)?;
        self.client.controller_client().map_err(text)?.delete_topic(&topic, 10_000).await.map_err(text)?;
        let mut sent = made.produce(vec![small("x")], Compression::NoCompression).await;
        for _ in 0..100 {
            if sent.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            sent = made.produce(vec![small("x")], Compression::NoCompression).await;
        }
        fails("produce", ProtocolError::UnknownTopicOrPartition, sent)
    }

    async fn bad_topics(&self) -> Outcome {
        fails("a slash", ProtocolError::InvalidTopicException, self.create("a/b", 1, 1).await)?;
        let topic = format!("{}-bad", self.prefix);
        fails("no partitions", ProtocolError::InvalidPartitions, self.create(&topic, 0, 1).await)?;
        fails("five replicas", ProtocolError::InvalidReplicationFactor, self.create(&topic, 1, 5).await)
    }

    async fn out_of_range(&self) -> Outcome {
        let client = self.partition(&format!("{}-too-large", self.prefix), 0).await?;
        let fetched = client.fetch_records(1000, 1..1000, 100).await;
        fails("offset 1000", ProtocolError::OffsetOutOfRange, fetched)
    }

    async fn delete_records_and_topic(&self) -> Outcome {
        let topic = format!("{}-too-large", self.prefix);
        let client = self.partition(&topic, 0).await?;
        for _ in 0..5 {
            client.produce(vec![small("x")], Compression::Zstd).await.map_err(text)?;
        }
        client.delete_records(3, 10_000).await.map_err(text)?;
        equal("start", 3, client.get_offset(OffsetAt::Earliest).await.map_err(text)?)?;
        self.client.controller_client().map_err(text)?.delete_topic(&topic, 10_000).await.map_err(text)
    }
}

async fn timely(test: impl Future<Output = Outcome>) -> Outcome {
    let late = || format!("no end within {} s", LIMIT.as_secs());
    tokio::time::timeout(LIMIT, test).await.unwrap_or_else(|_| Err(late()))
}

/// Groups of vectors that fit into one batch.
fn groups(vectors: &[Vector]) -> Vec<Vec<&Vector>> {
    let mut groups: Vec<Vec<&Vector>> = vec![Vec::new()];
    let mut size_bytes = 0;
    for vector in vectors {
        let value_bytes = vector.value.as_ref().map_or(0, Vec::len);
        if size_bytes + value_bytes > LARGEST_BATCH_BYTES {
            groups.push(Vec::new());
            size_bytes = 0;
        }
        groups.last_mut().expect("a group").push(vector);
        size_bytes += value_bytes + 200;
    }
    groups
}

fn record(vector: &Vector) -> Record {
    Record {
        key: vector.key.clone(),
        value: vector.value.clone(),
        headers: vector.headers.clone(),
        timestamp: time(vector.timestamp_ms),
    }
}

fn small(value: &str) -> Record {
    Record { key: None, value: Some(value.into()), headers: Default::default(), timestamp: time(1_700_000_000_000) }
}

fn time(timestamp_ms: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(timestamp_ms).single().expect("a time")
}

fn compare(vector: &Vector, offset: usize, got: &RecordAndOffset) -> Outcome {
    equal("offset", offset as i64, got.offset)?;
    let Record { key, value, headers, timestamp } = &got.record;
    equal(&format!("{} timestamp", vector.name), vector.timestamp_ms, timestamp.timestamp_millis())?;
    equal(&format!("{} headers", vector.name), &vector.headers, headers)?;
    same(&format!("{} key", vector.name), &vector.key, key)?;
    same(&format!("{} value", vector.name), &vector.value, value)
}

fn same(what: &str, want: &Option<Vec<u8>>, got: &Option<Vec<u8>>) -> Outcome {
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len);
    equal(&format!("size of {what}"), size(want), size(got))?;
    if want == got {
        Ok(())
    } else {
        Err(format!("{what}: other bytes than expected"))
    }
}

fn equal<T: PartialEq + Debug>(what: &str, want: T, got: T) -> Outcome {
    if want == got {
        Ok(())
    } else {
        Err(format!("{what}: expected {want:?}, came {got:?}"))
    }
}

/// The result must be this error of the broker's.
fn fails<T>(what: &str, want: ProtocolError, got: Result<T, Error>) -> Outcome {
    match got {
        Ok(_) => Err(format!("{what}: expected {want:?}, came no error")),
        Err(Error::ServerError { protocol_error, .. }) if protocol_error == want => Ok(()),
        Err(error) => Err(format!("{what}: expected {want:?}, came {error}")),
    }
}

fn text(error: Error) -> String {
    error.to_string()
}
