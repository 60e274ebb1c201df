//! The golden vectors that cover this crate: what Apache RocketMQ's own classes make of frames, headers, codes, bodies
//! and messages. `RMQ_VECTORS=<directory>` points the tests at another set.
//!
//! Where ours differs on purpose it is by a rule with a condition and a reason, in `deviations.rs` for frames,
//! `body_rules.rs` for bodies and `rules.rs` for the rest; never by the name of a case. A case whose kind nobody reads fails, and so does a file that nobody claims.

// `cfg(test)` on a module of a test: so clippy knows that its helpers are tests and may unwrap.
#[cfg(test)]
mod acl;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod body_rules;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod compression;
#[cfg(test)]
mod constants;
#[cfg(test)]
mod constants_left_out;
#[cfg(test)]
mod deviations;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod header_classes;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod names;
#[cfg(test)]
mod pop;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod subscription;
#[cfg(test)]
mod trace;

/// One test per file, and the list of files that are read here.
macro_rules! files {
    ($($file:ident { $($kind:literal => $reader:path,)* })*) => {
        $(
            #[test]
            fn $file() {
                reader::check(stringify!($file), &[$(($kind, $reader as reader::Check)),*]);
            }
        )*

        const READ_HERE: &[&str] = &[$(stringify!($file)),*];
    };
}

files! {
    acl {
        "sign" => acl::sign,
        "hmac" => acl::hmac,
    }
    bodies {
        "encode" => bodies::encode,
        "decode" => bodies::decode,
    }
    codes {
        "constant" => codes::constant,
        "enum" => codes::variant,
        "enum-list" => codes::versions,
        "attribute" => codes::attribute,
    }
    compression {
        "compress" => compression::compress,
        "repeat" => compression::repeat,
        "decompress" => compression::decompress,
        "level" => compression::level,
        "type" => compression::kind,
    }
    frames {
        "encode" => frames::encode,
        "decode" => frames::decode,
        "channel" => frames::channel,
        "stream" => frames::stream,
    }
    headers {
        "class" => headers::class,
        "encode" => headers::encode,
        "decode" => headers::decode,
    }
    messages {
        "message" => messages::message,
        "broken" => messages::broken,
        "list" => messages::list,
        "batch" => batches::batch,
        "batch-broken" => batches::batch_broken,
        "inner-batch" => batches::inner_batch,
        "properties-write" => messages::properties_write,
        "properties-read" => messages::properties_read,
        "crc-property" => messages::checksum_property,
        "crc" => messages::crc,
        "id" => messages::id,
        "id-decode" => messages::id_decode,
        "uniq-decode" => messages::uniq_decode,
        "uniq-create" => messages::uniq_create,
    }
    names {
        "name" => names::name,
        "check-group" => names::check_group,
        "vip" => names::vip,
        "endpoint" => names::endpoint,
        "perm" => names::perm,
        "attributes" => names::attribute_changes,
        "properties-text" => names::properties_text,
        "properties-text-write" => names::properties_text_write,
        "client-id" => names::client_id,
        "tags-code" => names::tags_code,
        "delay-levels" => names::delay_levels,
        "range" => names::of_the_client,
        "default" => names::of_the_client,
        "clamp" => names::of_the_client,
        "consume-timestamp" => names::consume_timestamp,
    }
    pop {
        "extra-build" => pop::extra_build,
        "extra-read" => pop::extra_read,
        "info-build" => pop::info_build,
        "info-read" => pop::info_read,
        "topic" => pop::topic,
        "lite-build" => pop::lite_build,
        "lite-read" => pop::lite_read,
        "recall-build" => pop::recall_build,
        "recall-read" => pop::recall_read,
    }
    subscription {
        "build" => subscription::build,
        "equal" => subscription::equal,
    }
    trace {
        "encode" => trace::encode,
        "decode" => trace::decode_records,
    }
}

/// Files that other crates read, or that wait for the code they are about.
const READ_ELSEWHERE: &[(&str, &str)] = &[
    ("allocate", "rocketmq-consumer"),
    ("latencyfault", "rocketmq-route"),
    ("processqueue", "rocketmq-consumer"),
    ("selectors", "rocketmq-route"),
];

#[test]
fn every_file_has_a_reader() {
    for entry in std::fs::read_dir(reader::directory()).expect("the vectors are there") {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(stem) = name.strip_suffix(".jsonl") else {
            continue;
        };
        let file = stem.strip_suffix("-4.9.7").unwrap_or(stem);
        let here = READ_HERE.contains(&file);
        let elsewhere = READ_ELSEWHERE.iter().any(|(claimed, _)| *claimed == file);
        assert!(here != elsewhere, "{name}: here {here}, elsewhere {elsewhere}");
    }
}
