//! `acl.jsonl`: signatures.

use rocketmq_protocol::acl::{ACCESS_KEY, SECURITY_TOKEN, SIGNATURE, Signer, SigningAlgorithm};
use serde_json::Value;

use crate::{
    reader::{Case, Outcome, equal, hex, text},
    rules::{agree, or_refused},
};

/// What Java has signed, in the order in which it was put into the request, stale signatures included.
///
/// Ours has no null fields: what Java signs for one are four letters.
fn fields(case: &Case) -> Vec<(String, String)> {
    let pairs = |value: &Value| -> Vec<(String, String)> {
        let pair = |pair: &Value| {
            (text(&pair[0]).expect("a key"), text(&pair[1]).unwrap_or_else(|| "null".to_owned()))
        };
        value.as_array().into_iter().flatten().map(pair).collect()
    };
    let mut fields = pairs(&case.get("command")["ext"]);
    let added = [ACCESS_KEY, SECURITY_TOKEN, SIGNATURE];
    fields.extend(
        pairs(case.get("signed")).into_iter().filter(|(key, _)| !added.contains(&key.as_str())),
    );
    fields
}

pub(crate) fn sign(case: &Case) -> Outcome {
    let signer = Signer::new(case.text("accessKey"), case.text("secretKey").as_bytes());
    let mut signer = signer.expect("a key");
    if let Some(token) = text(case.get("securityToken")) {
        signer = signer.security_token(token);
    }
    let fields = fields(case);
    let fields = fields.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
    let body = case.get("body").as_str().map(hex).unwrap_or_default();
    let signature = signer.sign(fields, &body);
    let of_signature = |key| signature.fields().find(|field| field.0 == key).map(|field| field.1);
    agree(case, "signature", or_refused(of_signature(SIGNATURE)))?;
    let theirs = |key| {
        let signed = case.get("signed").as_array().expect("pairs");
        signed.iter().find(|pair| pair[0] == key).and_then(|pair| pair[1].as_str())
    };
    for key in [ACCESS_KEY, SECURITY_TOKEN, SIGNATURE] {
        equal(key, &of_signature(key), &theirs(key))?;
    }
    Ok(())
}

pub(crate) fn hmac(case: &Case) -> Outcome {
    for (member, algorithm) in
        [("signature", SigningAlgorithm::HmacSha1), ("sha256", SigningAlgorithm::HmacSha256)]
    {
        // With an empty access key and no field, what is signed is the body alone.
        let signer = Signer::with_algorithm(algorithm, "", case.text("key").as_bytes()).ok();
        let text = signer.and_then(|signer| {
            let signature = signer.sign([], case.text("data").as_bytes());
            signature.fields().last().map(|(_, text)| text.to_owned())
        });
        agree(case, member, or_refused(text))?;
    }
    equal("of bytes", case.get("signatureOfBytes"), case.get("signature"))
}
