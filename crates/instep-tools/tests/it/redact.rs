use std::borrow::Cow;

use instep_tools::redact;

#[test]
fn secrets_are_taken_out_and_nothing_else() {
    let cases = [
        // URLs
        ("https://user:token@host/simple", "https://***@host/simple"),
        (
            "Looking in indexes: https://token@host/simple",
            "Looking in indexes: https://***@host/simple",
        ),
        ("https://u:p@ss@host/x", "https://***@host/x"),
        ("git+https://u:p@host/r.git@v1#egg=a", "git+https://***@host/r.git@v1#egg=a"),
        ("git+ssh://git@host/r.git", "git+ssh://git@host/r.git"),
        ("https://host/simple/pkg@1.0", "https://host/simple/pkg@1.0"),
        ("a @ https://u:p@one/a, https://u:q@two/b", "a @ https://***@one/a, https://***@two/b"),
        ("'https://u:p@host'", "'https://***@host'"),
        ("https://u:${TOKEN}@host", "https://***@host"),
        ("https://u:it's@host/x", "https://***@host/x"),
        ("https://u:pa/s?s#@host/x, next", "https://***@host/x, next"),
        ("https://host:8080/simple/pkg@1.0", "https://host:8080/simple/pkg@1.0"),
        ("https://[::1]:8080/simple/pkg@1.0", "https://[::1]:8080/simple/pkg@1.0"),
        ("https://u:p\u{e4}ss@h\u{f6}st/", "https://***@h\u{f6}st/"),
        // query strings
        ("https://h/x?token=abc&v=1", "https://h/x?token=***&v=1"),
        ("https://h/x?v=1&X-Amz-Signature=ab%2F", "https://h/x?v=1&X-Amz-Signature=***"),
        ("https://h/x?sig=abc#f", "https://h/x?sig=***#f"),
        // options and assignments
        ("pip --password hunter2 x", "pip --password *** x"),
        ("pip --password=hunter2 x", "pip --password=*** x"),
        ("pip --password 'hunter two' x", "pip --password '***' x"),
        ("uv publish --token \"a b\"", "uv publish --token \"***\""),
        ("UV_PUBLISH_TOKEN=abc uv", "UV_PUBLISH_TOKEN=*** uv"),
        ("API_KEY=abc, next", "API_KEY=***, next"),
        ("pip --password a,b&c;d) x", "pip --password ***) x"),
        ("(PIP_PASSWORD=it's,me)", "(PIP_PASSWORD=***)"),
        ("pip --password ==x", "pip --password ***"),
        ("pip --password===x y", "pip --password=*** y"),
        // one inside of another
        ("--password https://u:a,b@host/x", "--password ***"),
        ("token='https://u:it's@host/x", "token='***@host/x"),
        ("--password --token secret", "--password *** ***"),
        // headers and tokens
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "authorization: basic ***"),
        ("uses pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAwMDAwMDAw now", "uses *** now"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
        // what only looks like one
        ("Collecting token==1.0", "Collecting token==1.0"),
        ("password>=2", "password>=2"),
        ("pypi-attestations==0.0.28", "pypi-attestations==0.0.28"),
        ("basic support was added", "basic support was added"),
        ("monkey=banana", "monkey=banana"),
        ("--token", "--token"),
        ("mail me@host.example", "mail me@host.example"),
        ("://@", "://@"),
        ("", ""),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn plain_text_is_not_copied() {
    assert!(matches!(redact("Installed 3 packages in 2ms"), Cow::Borrowed(_)));
}

#[test]
fn what_is_redacted_stays_as_it_is() {
    let once = redact("pip --password x -i https://u:p@h/?token=a").into_owned();
    assert_eq!(redact(&once), once);
}
