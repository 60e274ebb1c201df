//! [`Filter`]: which messages of a topic a consumer wants.

use rocketmq_protocol::{body::SubscriptionData, names, subscription};

use crate::{Error, client::wall_millis};

/// Which messages of a topic a consumer wants: all, those with certain tags, or those whose properties meet a condition.
///
/// A plain string is an expression of tags, so `"*"` and `"paid || refunded"` can stand wherever a filter can.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[doc(alias = "MessageSelector")]
pub struct Filter(Expression);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Expression {
    Tags(String),
    Sql(String),
    Class(String),
}

impl Filter {
    /// Every message.
    pub fn all() -> Self {
        Self::tags(subscription::ALL)
    }

    /// Messages with one of these tags: `a || b`; `*` for all. Brokers select by the hash of a tag, and the client compares the text.
    #[doc(alias = "byTag")]
    pub fn tags(expression: impl Into<String>) -> Self {
        Self(Expression::Tags(expression.into()))
    }

    /// Messages whose properties meet an SQL92 condition: `amount > 10 AND currency = 'EUR'`. The broker judges, and has to be
    /// configured for it (`enablePropertyFilter`).
    #[doc(alias = "bySql")]
    pub fn sql(condition: impl Into<String>) -> Self {
        Self(Expression::Sql(condition.into()))
    }

    /// A class of the application's own that a filter server loads. Brokers have not had filter servers since 4.3: a consumer that
    /// wants one does not start, and says so. Tags and conditions do the same.
    pub fn class(name: impl Into<String>) -> Self {
        Self(Expression::Class(name.into()))
    }

    /// What brokers are told.
    pub(crate) fn subscription(&self, topic: &str) -> Result<SubscriptionData, Error> {
        names::validate_topic(topic)
            .map_err(|error| Error::invalid("a topic that cannot be read").with_source(error))?;
        let version = wall_millis();
        match &self.0 {
            Expression::Class(name) => {
                let text = format!("class filter `{name}`: brokers have none since 4.3");
                return Err(Error::invalid(text));
            }
            Expression::Tags(tags) => subscription::tags(topic, tags, version),
            Expression::Sql(condition) => subscription::sql92(topic, condition, version),
        }
        .map_err(|error| Error::invalid("a subscription that cannot be used").with_source(error))
    }
}

impl From<&str> for Filter {
    fn from(tags: &str) -> Self {
        Self::tags(tags)
    }
}

impl From<String> for Filter {
    fn from(tags: String) -> Self {
        Self::tags(tags)
    }
}

impl From<&Self> for Filter {
    fn from(filter: &Self) -> Self {
        filter.clone()
    }
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::body::ExpressionType;

    use super::*;

    #[test]
    fn a_string_is_an_expression_of_tags() {
        let data = Filter::from("paid || refunded").subscription("t").unwrap();
        assert_eq!((data.expression_type, data.tags_set.len()), (ExpressionType::Tag, 2));
        let data = Filter::sql("amount > 10").subscription("t").unwrap();
        assert_eq!(
            (data.expression_type, &*data.sub_string),
            (ExpressionType::Sql92, "amount > 10")
        );
        assert!(Filter::all().subscription("a topic").is_err());
        assert!(Filter::sql("").subscription("t").is_err());
        assert!(Filter::class("com.example.Mine").subscription("t").is_err());
    }
}
