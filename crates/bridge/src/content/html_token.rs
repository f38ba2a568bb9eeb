//! HTML as a flat run of texts and tags, read in one pass.
//!
//! Follows the tokenizer of the HTML standard where mail makes use of it, and is lax elsewhere.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Decoded.
    Text(String),
    Start(Tag<'a>),
    /// The name in lower case.
    End(String),
}

/// A start tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// In lower case.
    pub name: String,
    attributes: &'a str,
}

impl Tag<'_> {
    /// The decoded value of an attribute; the first wins, as in browsers.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        while let Some((key, value, after)) = next_attribute(rest) {
            if key.eq_ignore_ascii_case(name) {
                return Some(decode(value, true));
            }
            rest = after;
        }
        None
    }
}

/// Reads the tokens of an HTML text.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// The element whose content is no content, until its end tag.
    skipping: Option<&'static str>,
}

/// Elements whose content is for no reader.
const UNREAD: [&str; 9] = ["script", "style", "title", "template", "iframe", "noframes", "noembed", "svg", "object"];

impl<'a> Tokens<'a> {
    /// Starts at the beginning.
    pub(super) fn new(html: &'a str) -> Self {
        Tokens { rest: html, skipping: None }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (head, tail) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    /// Steps over a comment, a declaration or whatever else hides between `<` and `>`.
    fn skip_markup(&mut self) {
        let comment = self.rest.strip_prefix("<!--").map(|body| {
            if body.starts_with('>') || body.starts_with("->") {
                return 4 + body.find('>').unwrap_or(0) + 1;
            }
            let ends = [body.find("-->").map(|at| at + 3), body.find("--!>").map(|at| at + 4)];
            ends.into_iter().flatten().min().map_or(self.rest.len(), |end| 4 + end)
        });
        let end = comment.unwrap_or_else(|| self.rest.find('>').map_or(self.rest.len(), |at| at + 1));
        self.take(end);
    }

    /// Steps to the end tag of what is not read.
    fn skip_content(&mut self, name: &str) {
        let bytes = self.rest.as_bytes();
        let mut from = 0;
        while let Some(at) = self.rest[from..].find("</").map(|at| from + at) {
            let end = at + 2 + name.len();
            let ends_here = bytes.get(at + 2..end).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
                && bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
            if ends_here {
                self.take(at);
                return;
            }
            from = at + 2;
        }
        self.rest = "";
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if let Some(name) = self.skipping.take() {
                self.skip_content(name);
            }
            if self.rest.is_empty() {
                return None;
            }
            let bytes = self.rest.as_bytes();
            match (bytes[0], bytes.get(1)) {
                (b'<', Some(b'a'..=b'z' | b'A'..=b'Z')) => {
                    let name_end = tag_name_end(self.rest, 1);
                    let name = self.rest[1..name_end].to_ascii_lowercase();
                    let end = tag_end(self.rest, name_end);
                    let attributes = self.rest.get(name_end..end).unwrap_or("");
                    let closed = self.rest.as_bytes().get(end) == Some(&b'>');
                    self.take(end + 1);
                    // As browsers do: a tag that never ends is not shown.
                    if !closed {
                        return None;
                    }
                    if !attributes.ends_with('/') {
                        self.skipping = UNREAD.iter().find(|unread| **unread == name).copied();
                    }
                    return Some(Token::Start(Tag { name, attributes }));
                }
                (b'<', Some(b'/')) if bytes.get(2).is_some_and(u8::is_ascii_alphabetic) => {
                    let name_end = tag_name_end(self.rest, 2);
                    let name = self.rest[2..name_end].to_ascii_lowercase();
                    let end = tag_end(self.rest, name_end);
                    self.take(end + 1);
                    return Some(Token::End(name));
                }
                (b'<', Some(b'!' | b'?' | b'/')) => self.skip_markup(),
                _ => {
                    let end = bytes[1..].iter().position(|b| *b == b'<').map_or(bytes.len(), |at| at + 1);
                    return Some(Token::Text(decode(self.take(end), false)));
                }
            }
        }
    }
}

fn tag_name_end(html: &str, from: usize) -> usize {
    let is_end = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
    html.as_bytes()[from..].iter().position(is_end).map_or(html.len(), |at| from + at)
}

/// Where the `>` of a tag is, or the end of the text.
fn tag_end(html: &str, from: usize) -> usize {
    let mut quote = None;
    let mut after_equals = false;
    for (at, byte) in html.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'>') => return at,
            // A quote is one only where a value starts: `<a title=it's>`.
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            after_equals = quote.is_none() && byte == b'=';
        }
    }
    html.len()
}

fn next_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    if text.is_empty() {
        return None;
    }
    // A leading equals sign belongs to the name, as in the standard.
    let skip = usize::from(text.starts_with('='));
    let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/');
    let name_end = text[skip..].find(is_end).map_or(text.len(), |at| skip + at);
    let (name, rest) = text.split_at(name_end);
    let Some(value) =
        rest.trim_start().strip_prefix('=').map(|value| value.trim_start_matches(|c: char| c.is_ascii_whitespace()))
    else {
        return Some((name, "", rest));
    };
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            let (value, after) = inner.split_once(quote).unwrap_or((inner, ""));
            return Some((name, value, after));
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    Some((name, value, after))
}

/// Replaces character references.
fn decode(text: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, length) = reference(rest, in_attribute).unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The character that a reference at the start of a text stands for, and the reference's length.
fn reference(text: &str, in_attribute: bool) -> Option<(char, usize)> {
    let body = &text[1..];
    if let Some(number) = body.strip_prefix('#') {
        let hex = number.starts_with(['x', 'X']);
        let digits = &number[usize::from(hex)..];
        let is_digit = |c: char| c.is_digit(if hex { 16 } else { 10 });
        let count = digits.find(|c| !is_digit(c)).unwrap_or(digits.len());
        if count == 0 {
            return None;
        }
        let code = u32::from_str_radix(&digits[..count], if hex { 16 } else { 10 }).unwrap_or(u32::MAX);
        let length = 2 + usize::from(hex) + count;
        return Some((numbered(code), length + usize::from(digits[count..].starts_with(';'))));
    }
    let count = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
    // No known name is longer; keeps a run of letters after an ampersand cheap.
    if count <= 10 && body[count..].starts_with(';') {
        return NAMES.get(&body[..count]).map(|c| (*c, count + 2));
    }
    // Old mail leaves the semicolon out; in a URL's query the same letters are a parameter.
    let (name, c) =
        [("nbsp", '\u{a0}'), ("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("copy", '©'), ("reg", '®')]
            .into_iter()
            .find(|(name, _)| body.starts_with(name))?;
    let next = body[name.len()..].chars().next();
    let is_parameter = in_attribute && next.is_some_and(|c| c == '=' || c.is_ascii_alphanumeric());
    (!is_parameter).then_some((c, name.len() + 1))
}

fn numbered(code: u32) -> char {
    // What Windows meant; the standard agrees.
    const WINDOWS: [u16; 32] = [
        0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d,
        0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d,
        0x17e, 0x178,
    ];
    let code = match code {
        0x80..=0x9f => u32::from(WINDOWS[(code - 0x80) as usize]),
        0 => 0xfffd,
        code => code,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

static NAMES: LazyLock<HashMap<&'static str, char>> = LazyLock::new(|| {
    let entry = |entry: &'static str| {
        let (name, code) = entry.split_once('=')?;
        Some((name, char::from_u32(u32::from_str_radix(code, 16).ok()?)?))
    };
    NAMED.split_whitespace().filter_map(entry).collect()
});

/// The names of HTML 4, and a few of HTML 5 for what is on a keyboard.
const NAMED: &str = "\
    AElig=c6 Aacute=c1 Acirc=c2 Agrave=c0 Alpha=391 Aring=c5 Atilde=c3 Auml=c4 Beta=392 Ccedil=c7 Chi=3a7 \
    Dagger=2021 Delta=394 ETH=d0 Eacute=c9 Ecirc=ca Egrave=c8 Epsilon=395 Eta=397 Euml=cb Gamma=393 Iacute=cd \
    Icirc=ce Igrave=cc Iota=399 Iuml=cf Kappa=39a Lambda=39b Mu=39c NewLine=a Ntilde=d1 Nu=39d OElig=152 \
    Oacute=d3 Ocirc=d4 Ograve=d2 Omega=3a9 Omicron=39f Oslash=d8 Otilde=d5 Ouml=d6 Phi=3a6 Pi=3a0 Prime=2033 \
    Psi=3a8 Rho=3a1 Scaron=160 Sigma=3a3 THORN=de Tab=9 Tau=3a4 Theta=398 Uacute=da Ucirc=db Ugrave=d9 \
    Upsilon=3a5 Uuml=dc Xi=39e Yacute=dd Yuml=178 Zeta=396 aacute=e1 acirc=e2 acute=b4 aelig=e6 agrave=e0 \
    alefsym=2135 alpha=3b1 amp=26 and=2227 ang=2220 apos=27 aring=e5 ast=2a asymp=2248 atilde=e3 auml=e4 \
    bdquo=201e beta=3b2 breve=2d8 brvbar=a6 bsol=5c bull=2022 cap=2229 caron=2c7 ccedil=e7 cedil=b8 cent=a2 \
    check=2713 chi=3c7 circ=2c6 clubs=2663 colon=3a comma=2c commat=40 cong=2245 copy=a9 crarr=21b5 cross=2717 \
    cup=222a curren=a4 dArr=21d3 dagger=2020 darr=2193 dash=2010 deg=b0 delta=3b4 diams=2666 divide=f7 dollar=24 \
    eacute=e9 ecirc=ea egrave=e8 empty=2205 emsp=2003 ensp=2002 epsilon=3b5 equals=3d equiv=2261 eta=3b7 eth=f0 \
    euml=eb euro=20ac excl=21 exist=2203 fnof=192 forall=2200 frac12=bd frac14=bc frac34=be frasl=2044 gamma=3b3 \
    ge=2265 grave=60 gt=3e hArr=21d4 harr=2194 hearts=2665 hellip=2026 horbar=2015 hyphen=2010 iacute=ed \
    icirc=ee iexcl=a1 igrave=ec image=2111 infin=221e int=222b iota=3b9 iquest=bf isin=2208 iuml=ef kappa=3ba \
    lArr=21d0 lambda=3bb lang=2329 laquo=ab larr=2190 lbrack=5b lceil=2308 lcub=7b ldquo=201c le=2264 \
    lfloor=230a lowast=2217 lowbar=5f loz=25ca lpar=28 lrm=200e lsaquo=2039 lsqb=5b lsquo=2018 lt=3c macr=af \
    mdash=2014 micro=b5 middot=b7 minus=2212 mu=3bc nabla=2207 nbsp=a0 ndash=2013 ne=2260 ni=220b nldr=2025 \
    not=ac notin=2209 nsub=2284 ntilde=f1 nu=3bd num=23 oacute=f3 ocirc=f4 oelig=153 ograve=f2 oline=203e \
    omega=3c9 omicron=3bf oplus=2295 or=2228 ordf=aa ordm=ba oslash=f8 otilde=f5 otimes=2297 ouml=f6 para=b6 \
    part=2202 percnt=25 period=2e permil=2030 perp=22a5 phi=3c6 phone=260e pi=3c0 piv=3d6 plus=2b plusmn=b1 \
    pound=a3 prime=2032 prod=220f prop=221d psi=3c8 quest=3f quot=22 rArr=21d2 radic=221a rang=232a raquo=bb \
    rarr=2192 rbrack=5d rceil=2309 rcub=7d rdquo=201d real=211c reg=ae rfloor=230b rho=3c1 rlm=200f rpar=29 \
    rsaquo=203a rsqb=5d rsquo=2019 sbquo=201a scaron=161 sdot=22c5 sect=a7 semi=3b shy=ad sigma=3c3 sigmaf=3c2 \
    sim=223c sol=2f spades=2660 star=2606 starf=2605 sub=2282 sube=2286 sum=2211 sup=2283 sup1=b9 sup2=b2 \
    sup3=b3 supe=2287 szlig=df tau=3c4 there4=2234 theta=3b8 thetasym=3d1 thinsp=2009 thorn=fe tilde=2dc \
    times=d7 trade=2122 uArr=21d1 uacute=fa uarr=2191 ucirc=fb ugrave=f9 uml=a8 upsih=3d2 upsilon=3c5 uuml=fc \
    verbar=7c vert=7c weierp=2118 xi=3be yacute=fd yen=a5 yuml=ff zeta=3b6 zwj=200d zwnj=200c";
