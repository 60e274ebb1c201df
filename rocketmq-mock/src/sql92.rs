//! SQL92 conditions over properties, as far as tests need them (`filter/parser/SelectorParser.jj` of a real broker knows more):
//! comparisons, `BETWEEN`, `IN`, `IS NULL`, `NOT`, `AND`, `OR`, parentheses.

use std::{cmp::Ordering, iter::Peekable, vec};

/// A condition.
#[derive(Debug)]
pub(crate) enum Condition {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    Compare(String, &'static str, Literal),
    IsNull(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name or a keyword.
    Word(String),
    Literal(Literal),
    Symbol(&'static str),
}

type Tokens = Peekable<vec::IntoIter<Token>>;

impl Condition {
    /// `None` for what is no condition.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut tokens = tokens(text)?.into_iter().peekable();
        let condition = any_of(&mut tokens)?;
        tokens.next().is_none().then_some(condition)
    }

    /// Whether it holds. What is not known does not hold, nor does its contrary.
    pub(crate) fn holds<'a>(&self, property: &impl Fn(&str) -> Option<&'a str>) -> bool {
        self.judge(property) == Some(true)
    }

    fn judge<'a>(&self, property: &impl Fn(&str) -> Option<&'a str>) -> Option<bool> {
        match self {
            Self::Or(parts) => {
                let judged: Vec<_> = parts.iter().map(|part| part.judge(property)).collect();
                if judged.contains(&Some(true)) {
                    return Some(true);
                }
                (!judged.contains(&None)).then_some(false)
            }
            Self::And(parts) => {
                let judged: Vec<_> = parts.iter().map(|part| part.judge(property)).collect();
                if judged.contains(&Some(false)) {
                    return Some(false);
                }
                (!judged.contains(&None)).then_some(true)
            }
            Self::Not(part) => part.judge(property).map(|holds| !holds),
            Self::IsNull(name) => Some(property(name).is_none()),
            Self::Compare(name, operator, literal) => {
                let value = property(name)?;
                let ordering = match literal {
                    Literal::Number(number) => value.parse::<f64>().ok()?.partial_cmp(number)?,
                    Literal::Text(text) => value.cmp(text),
                };
                Some(match *operator {
                    "=" => ordering == Ordering::Equal,
                    "<>" => ordering != Ordering::Equal,
                    "<" => ordering == Ordering::Less,
                    "<=" => ordering != Ordering::Greater,
                    ">" => ordering == Ordering::Greater,
                    _ => ordering != Ordering::Less,
                })
            }
        }
    }
}

fn any_of(tokens: &mut Tokens) -> Option<Condition> {
    let mut parts = vec![all_of(tokens)?];
    while keyword(tokens, "OR") {
        parts.push(all_of(tokens)?);
    }
    Some(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
}

fn all_of(tokens: &mut Tokens) -> Option<Condition> {
    let mut parts = vec![one(tokens)?];
    while keyword(tokens, "AND") {
        parts.push(one(tokens)?);
    }
    Some(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
}

fn one(tokens: &mut Tokens) -> Option<Condition> {
    if keyword(tokens, "NOT") {
        return Some(Condition::Not(Box::new(one(tokens)?)));
    }
    if tokens.next_if_eq(&Token::Symbol("(")).is_some() {
        let inner = any_of(tokens)?;
        tokens.next_if_eq(&Token::Symbol(")"))?;
        return Some(inner);
    }
    let Token::Word(name) = tokens.next()? else { return None };
    if keyword(tokens, "IS") {
        let not = keyword(tokens, "NOT");
        return keyword(tokens, "NULL").then(|| negated(not, Condition::IsNull(name)));
    }
    let not = keyword(tokens, "NOT");
    if keyword(tokens, "BETWEEN") {
        let least = literal(tokens)?;
        keyword(tokens, "AND").then_some(())?;
        let most = literal(tokens)?;
        let bounds =
            [Condition::Compare(name.clone(), ">=", least), Condition::Compare(name, "<=", most)];
        return Some(negated(not, Condition::And(bounds.into())));
    }
    if keyword(tokens, "IN") {
        tokens.next_if_eq(&Token::Symbol("("))?;
        let mut options = vec![Condition::Compare(name.clone(), "=", literal(tokens)?)];
        while tokens.next_if_eq(&Token::Symbol(",")).is_some() {
            options.push(Condition::Compare(name.clone(), "=", literal(tokens)?));
        }
        tokens.next_if_eq(&Token::Symbol(")"))?;
        return Some(negated(not, Condition::Or(options)));
    }
    match tokens.next()? {
        Token::Symbol(operator) if !not && !"(),".contains(operator) => {
            Some(Condition::Compare(name, operator, literal(tokens)?))
        }
        _ => None,
    }
}

fn negated(not: bool, condition: Condition) -> Condition {
    if not { Condition::Not(Box::new(condition)) } else { condition }
}

fn literal(tokens: &mut Tokens) -> Option<Literal> {
    match tokens.next()? {
        Token::Literal(literal) => Some(literal),
        Token::Word(word) if word.eq_ignore_ascii_case("TRUE") => {
            Some(Literal::Text("true".into()))
        }
        Token::Word(word) if word.eq_ignore_ascii_case("FALSE") => {
            Some(Literal::Text("false".into()))
        }
        _ => None,
    }
}

fn keyword(tokens: &mut Tokens, keyword: &str) -> bool {
    let is_it =
        |token: &Token| matches!(token, Token::Word(it) if it.eq_ignore_ascii_case(keyword));
    tokens.next_if(is_it).is_some()
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    const SYMBOLS: [&str; 9] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, length) = if let Some(quoted) = rest.strip_prefix('\'') {
            let end = quoted.find('\'')?;
            (Token::Literal(Literal::Text(quoted[..end].to_owned())), end + 2)
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            (Token::Symbol(symbol), symbol.len())
        } else {
            let is_word = |c: char| c.is_alphanumeric() || "_.$-+".contains(c);
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            let number = word.parse().map(|number| Token::Literal(Literal::Number(number)));
            (number.unwrap_or_else(|_| Token::Word(word.to_owned())), word.len())
        };
        if length == 0 {
            return None;
        }
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_or_do_not() {
        let property = |name: &str| match name {
            "amount" => Some("12"),
            "currency" => Some("EUR"),
            _ => None,
        };
        let check = |text: &str, expected: Option<bool>| {
            let judged = Condition::parse(text).map(|condition| condition.holds(&property));
            assert_eq!(judged, expected, "{text}");
        };
        check("amount > 10", Some(true));
        check("amount >= 12 AND currency = 'EUR'", Some(true));
        check("amount < 12 or currency <> 'USD'", Some(true));
        check("NOT (amount = 12)", Some(false));
        check("amount BETWEEN 1 AND 11", Some(false));
        check("amount NOT BETWEEN 1 AND 11", Some(true));
        check("currency IN ('USD', 'EUR')", Some(true));
        check("missing IS NULL AND amount IS NOT NULL", Some(true));
        check("missing = 1", Some(false));
        check("NOT (missing = 1)", Some(false));
        for text in ["", "amount >", "> 1", "amount = 1 1", "(amount = 1", "amount ; 1"] {
            check(text, None);
        }
    }
}
