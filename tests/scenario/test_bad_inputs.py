"""Bad inputs and their right answers. Every kind has a number, of one list for all protocols; here is where each is tested:
below, by its number, with the real programs, or where WHERE says."""
import contextlib, ctypes, json, os, pathlib, re, shutil, smtplib, socket, subprocess, time
import pytest
import conftest
from conftest import TESTS
from imap_client import Imap
from test_smtp import Client, data, envelope, files

# number: what comes in -> where the answer is tested. What has no row of its own is in this file.
WHERE = {
    # SMTP
    '1-6': 'scenario/test_smtp.py test_nothing_is_smuggled',
    '7': 'scenario/test_smtp.py test_end_in_pieces',
    '10': 'scenario/test_smtp.py test_endless_line_and_mass_of_chunks',
    '11': 'unit/smtpd/test_misbehaviour.c test_timeouts',
    '13': 'scenario/test_smtp.py test_early_talker',
    '14': 'scenario/test_tls.py test_nothing_behind_starttls_is_obeyed',
    '15': 'scenario/test_tls.py test_mail_comes_in_under_tls, scenario/test_tls.py test_a_sender_cannot_leave_something_before_the_handshake',
    '16': 'scenario/test_smtp.py test_browser',
    '18': 'scenario/test_auth.py test_bad_input_harms_nobody, scenario/test_sasl.py test_plain_malformed',
    '19': 'unit/smtpd/test_login.c test_order',
    '20': 'scenario/test_tables.py test_recipients',
    '22-23': 'scenario/test_tables.py test_recipients',
    '27': 'scenario/test_queue.py test_thousand_recipients',
    '28': 'scenario/test_queue.py test_same_recipient_often',
    '33': 'scenario/test_smtp.py test_endless_line_and_mass_of_chunks',
    '39': 'scenario/test_smtp.py test_close_after_dot',
    '40': 'scenario/test_smtp.py test_half_close_in_data',
    '42': 'scenario/test_smtp.py test_connections_of_one_client',
    '43': 'scenario/test_tls.py test_bad_handshakes_are_answered_and_logged_once, scenario/test_tls.py test_renegotiation_ends_it',
    '44': 'scenario/test_remote.py test_trouble_is_temporary',
    # IMAP before the login
    '45': 'scenario/test_login.py test_45_48_huge_literals',
    '46': 'scenario/test_login.py test_46_many_literals',
    '47': 'scenario/test_login.py test_47_long_lines',
    '48': 'scenario/test_login.py test_45_48_huge_literals',
    '49': 'scenario/test_login.py test_49_bad_tags',
    '50': 'scenario/test_login.py test_50_strange_logins_fail_like_any',
    '51': 'scenario/test_login.py test_51_starttls_with_more_behind_it',
    # tables and configuration
    '76-78': 'scenario/test_tables.py test_bad_aliases',
    '79': 'scenario/test_tables.py test_half_written',
    '80': 'scenario/test_tables.py test_unsafe_table',
    '81': 'scenario/test_tables.py test_damaged_table',
    '82': 'scenario/test_tables.py test_evil_pattern',
    '83': 'unit/lib/table/test_db.c test_foreign, unit/lib/proto/test_lookup.c test_hostile, unit/deliver/maildir/test_deliver.c as_owner',
    '86': 'scenario/test_maildir.py test_home_is_away',
    '87': 'unit/deliver/maildir/test_deliver.c test_refused',
    # DNS
    '94': 'scenario/test_resolver.py test_bad_pointers',
    '95': 'scenario/test_resolver.py test_bad_data',
    '96': 'scenario/test_resolver.py test_answers_to_other_questions',
    '97': 'scenario/test_resolver.py test_alias_chains',
    '98': 'scenario/test_routes.py test_sent_back_at_once',
    '99': 'scenario/test_routes.py test_explained_bounds',
    '100': 'scenario/test_resolver.py test_failures_of_servers',
    '101': 'scenario/test_resolver.py test_names_that_no_host_has',
    '102': 'scenario/test_resolver.py test_the_word_of_a_forwarder_is_not_believed',
    # queue and disk
    '103': 'unit/queue/test_format.c test_every_cut',
    '104': 'scenario/test_queue.py test_unfinished_and_strange_files',
    '105': 'fault/test_syscalls.py test_fault',
    '106': 'fault/test_syscalls.py test_failed_fsync_is_not_repeated',
    '108': 'scenario/test_clock.py test_108_clock_jumps',
    '109': 'scenario/test_queue.py test_no_marker',
    # between processes
    '110': 'unit/lib/base/test_ipc.c bad_message_closes_the_channel',
    '111': 'unit/lib/base/test_ipc.c nonsense_is_not_a_packet',
    '112': 'unit/lib/base/test_ipc.c request_is_answered_once',
    '113': 'unit/master/spawn/test_program.c test_repeated_and_foreign',
    '114': 'unit/lib/base/test_ipc.c output_waits_in_order_and_is_bounded',
    '115': 'unit/services/keys/test_serve.c test_a_taken_over_peer',
    '116': 'unit/services/keys/test_serve.c test_a_flood_is_bounded_and_harms_nobody',
    '117': 'sandbox/test_probe.py test_started_by_root',
    '118': 'unit/lib/base/test_ipc.c every_prefix_is_refused',
}

@pytest.mark.parametrize('number', WHERE)
def test_list(number):
    """The tests that the list names are there."""
    for place in WHERE[number].split(', '):
        path, name = place.split()
        assert re.search(rf'(def|static void|static int) {name}\(', (TESTS / path).read_text()), place


def test_list_is_whole():
    """All numbers but those of parts that do not exist yet: compression (61), .forward (85), milters (88 to 93)."""
    def numbers(first, last):
        return set(range(int(first), int(last or first) + 1))

    have = set().union(*(numbers(*re.fullmatch(r'(\d+)(?:-(\d+))?', k).groups()) for k in WHERE))
    for name in re.findall(r'^def test_([\d_]+(?:to_\d+_)?)', pathlib.Path(__file__).read_text(), re.M):
        found = re.findall(r'\d+', name)
        have |= numbers(*found) if 'to' in name else set(map(int, found))
    assert numbers(1, 118) - have == {61, 85} | numbers(88, 93)


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf='smtp_client_connections = 0\nsmtp_command_timeout = 2s\nsmtp_data_timeout = 2s\n'
                               'smtp_xclient_networks = {"127.0.0.0/16"}\nsmtp_proxy_networks = {"127.3.0.0/16"}\n'
                               'message_size_limit = 20M\ntrusted_networks = {"127.0.0.0/16"}\n', users=3) as s:
        yield s


@pytest.fixture
def smtp(suite):
    with Client(suite.smtp_port) as c:
        assert c.say('EHLO client.test').startswith('250')
        yield c


def start(c, suite):
    envelope(c, suite.accounts[0]['address'])


def works(c, suite):
    """The session is as good as before."""
    assert c.say('RSET').startswith('250')
    start(c, suite)
    assert c.say('RSET').startswith('250')


# --- SMTP ---------------------------------------------------------------------------------------

def test_8_nul_in_data(suite, smtp):
    start(smtp, suite)
    assert data(smtp, b'Subject: nul\r\n\r\na\0b').startswith('550 5.6.0')
    works(smtp, suite)


def test_9_long_line(suite, smtp):
    """1 MB without a line end is stored as it is; what goes out to others is folded (unit test_long_lines)."""
    start(smtp, suite)
    assert data(smtp, b'Subject: nine\r\n\r\n' + b'x' * 1000000).startswith('250 ')
    p = suite.wait_for(lambda: files(suite, 'Subject: nine'))[0]
    assert b'x' * 1000000 in p.read_bytes()


def test_10_long_command(suite, smtp):
    assert smtp.say('NOOP ' + 'x' * 2100).startswith('500 ')
    works(smtp, suite)


def test_12_unknown_verbs(smtp):
    replies = [smtp.say('WIZ') for _ in range(21)]
    assert all(r.startswith('500 ') for r in replies[:20]) and replies[20].startswith('421 ') and smtp.closed()


def test_17_auth_where_there_is_none(smtp):
    assert smtp.say('AUTH PLAIN AGEAYg==')[:3] in ('502', '503', '538', '500')


@pytest.mark.parametrize('path, reply', [
    ('""@example.test', '553 '),  # 21
    ('jörg@example.test', '553 5.6.7'),  # 24
    ('a@[999.1.1.1]', '501 '), ('a@[IPv6:::::1]', '501 '), ('a@[1.2.3]', '501 '),  # 25
    ('a@' + '.'.join(['x' * 60] * 4) + '.' + 'y' * 12, '501 '), ('a@' + 'x' * 64 + '.test', '501 '),  # 26
    ('a@example.test.', '501 '), ('a@exa\x01mple.test', '501 ')])
def test_21_24_25_26_addresses(suite, smtp, path, reply):
    assert smtp.say('MAIL FROM:<a@client.test>').startswith('250')
    assert smtp.say(f'RCPT TO:<{path}>').startswith(reply)
    assert smtp.say(f"RCPT TO:<{suite.accounts[0]['address']}>").startswith('250')


@pytest.mark.parametrize('local', [b'\xc0\xaf', b'\xe0\x80\xaf', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xff', b'\xc3'])
def test_24_no_utf8(suite, smtp, local):
    """Overlong forms, surrogates, what is beyond Unicode: refused although SMTPUTF8 was asked for."""
    assert smtp.say('MAIL FROM:<a@client.test> SMTPUTF8').startswith('250')
    smtp.send(b'RCPT TO:<a' + local + b'@example.test>\r\n')
    assert smtp.reply()[0] == '5'
    works(smtp, suite)


def test_29_size(suite, smtp):
    assert smtp.say('MAIL FROM:<a@client.test> SIZE=100000000000000000000').startswith('501 ')
    assert smtp.say('MAIL FROM:<a@client.test> SIZE=20971521').startswith('552 ')
    # what is announced is not believed: the bytes that come are counted
    assert smtp.say('MAIL FROM:<a@client.test> SIZE=10').startswith('250')
    assert smtp.say(f"RCPT TO:<{suite.accounts[0]['address']}>").startswith('250')
    assert data(smtp, (b'x' * 998 + b'\r\n') * 21100).startswith('552 5.3.4')
    works(smtp, suite)


@pytest.mark.parametrize('size', ['18446744073709551616', '-1', '1 LAST x', '', 'x', '1 FIRST', '0x10'])
def test_30_chunk_sizes(suite, smtp, size):
    start(smtp, suite)
    assert smtp.say(f'BDAT {size}').startswith('501 ') and smtp.closed()


def test_31_chunk_without_recipient(suite, smtp):
    """Exactly as many bytes are skipped: what looks like a command in them is none."""
    chunk = b'NOOP\r\nRSET\r\n' * 5000
    smtp.send(b'BDAT %d LAST\r\n' % len(chunk) + chunk + b'VRFY a\r\n')
    assert smtp.reply().startswith('503 ') and smtp.reply().startswith('252 ')
    works(smtp, suite)


def test_32_data_out_of_turn(suite, smtp):
    for spoil in (['RSET'], ['RSET', 'MAIL FROM:<a@client.test>', 'RCPT TO:<nobody@example.test>'], ['EHLO again']):
        start(smtp, suite)
        for line in spoil:
            smtp.say(line)
        assert smtp.say('DATA')[:4] in ('503 ', '554 ')
        assert smtp.say('RSET').startswith('250')
    start(smtp, suite)
    smtp.send(b'BDAT 5\r\na\0b\r\n')
    smtp.reply()
    assert smtp.say('DATA').startswith('503 ')


def test_34_between_mail_and_data(suite, smtp):
    token = f'between-{time.monotonic_ns()}'
    start(smtp, suite)
    assert smtp.say('VRFY user1').startswith('252 ')
    smtp.send(b'\xff\xfe\x00 \xc3\r\n')
    assert smtp.reply().startswith('500 ')
    smtp.send(b'RCPT TO:<\xff>\r\n')
    assert smtp.reply()[0] == '5'
    assert data(smtp, f'Subject: {token}\r\n\r\n'.encode()).startswith('250')
    suite.wait_for(lambda: files(suite, token))


@pytest.mark.parametrize('command', ['MAIL FROM:<a@client.test> ENVID={}', 'RCPT TO:<{to}> ORCPT=rfc822;{}'])
@pytest.mark.parametrize('xtext', ['a+00', 'a+0A', 'a+0D', 'a+G', 'a+1', 'a+', '+2b'])
def test_35_xtext(suite, smtp, command, xtext):
    if command.startswith('RCPT'):
        assert smtp.say('MAIL FROM:<a@client.test>').startswith('250')
    assert smtp.say(command.replace('{to}', suite.accounts[0]['address']).format(xtext)).startswith('501 ')
    works(smtp, suite)


def test_36_xclient_and_proxy_of_outsiders(suite):
    def connect(source):
        c = Client.__new__(Client)
        c.s = socket.create_connection(('127.0.0.1', suite.smtp_port), 10, source_address=(source, 0))
        c.s.settimeout(10)
        c.f = c.s.makefile('rb')
        return c
    with connect('127.9.0.1') as c:
        assert c.reply().startswith('220')
        assert 'XCLIENT' not in c.say('EHLO x') and c.say('XCLIENT ADDR=127.0.0.1').startswith('550 ')
    with connect('127.9.0.1') as c:
        c.send(b'PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n')
        assert c.reply()[:3] in ('554', '220') and not c.say('EHLO x').startswith('250')
    for header in (b'PROXY TCP4 ' + b'1' * 10240, b'\r\n\r\n\0\r\nQUIT\n\x21\x11\x28\x00' + b'x' * 10240, b'EHLO x\r\n',
                   b'PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n', b'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n'):
        with connect('127.3.0.1') as c:
            try:
                c.send(header)
            except OSError:
                pass
            assert c.closed()


@pytest.mark.parametrize('name', ['x' * 1024, 'a\x01b', 'a\x7fb', ''])
def test_37_hello(suite, name):
    with Client(suite.smtp_port) as c:
        for verb in ('HELO', 'EHLO'):
            assert c.say(f'{verb} {name}').startswith('501 ')
        assert c.say('EHLO client.test').startswith('250')


def test_38_hops(suite, smtp):
    start(smtp, suite)
    assert data(smtp, b'Received: x\r\n' * 51 + b'\r\n').startswith('554 5.4.6')
    works(smtp, suite)


def test_41_a_byte_now_and_then(suite):
    """Neither a command nor a message may come for ever by single bytes."""
    for to_data in (False, True):
        with Client(suite.smtp_port) as c:
            assert c.say('EHLO client.test').startswith('250')
            if to_data:
                start(c, suite)
                assert c.say('DATA').startswith('354')
            began = time.monotonic()
            try:
                while time.monotonic() - began < 10:
                    c.send(b'x')
                    time.sleep(0.3)
            except OSError:
                pass
            assert time.monotonic() - began < 8, 'bytes alone kept it open'


# --- IMAP ---------------------------------------------------------------------------------------

@pytest.fixture
def imap(suite):
    m = Imap(suite, 1)
    assert m.do('SELECT INBOX').startswith('OK')
    yield m
    m.close()


@pytest.mark.parametrize('name', ['../user2', '../../example.test/user1/Maildir', 'a/../../b', '/etc', '~user2', '.', '..', 'a/./b',
                                  'a//b', 'x' * 1024, '&AGE-', '&bad', 'a&-&', '&', 'cur', 'a/cur/b'])
def test_52_mailbox_names(suite, imap, name):
    """A name that the file system would understand otherwise is refused, or is one inside, and nothing appears elsewhere."""
    quoted = f'"{name}"'
    before = sorted(pathlib.Path(suite.accounts[0]['maildir']).parent.parent.iterdir())
    assert imap.do(f'SELECT {quoted}')[:3] in ('NO ', 'BAD')
    assert imap.do(f'STATUS {quoted} (MESSAGES)')[:3] in ('NO ', 'BAD')
    made = imap.do(f'CREATE {quoted}')
    if made.startswith('OK'):
        assert name in ('cur', 'a/cur/b'), made
        assert imap.do(f'DELETE {quoted}').startswith('OK')
    assert sorted(pathlib.Path(suite.accounts[0]['maildir']).parent.parent.iterdir()) == before
    assert imap.do('NOOP').startswith('OK')
    imap.send(b'z CREATE {5}\r\n')
    assert imap.f.readline().startswith(b'+')
    imap.send(b'a\0b/c\r\n')
    assert imap.until('z')[:3] in ('NO ', 'BAD')


def test_52_linked_mailbox(suite, imap):
    """A mailbox that is a link to somebody else's is none."""
    mine, other = (pathlib.Path(suite.accounts[n]['maildir']) for n in (1, 0))
    (mine / '.Linked').symlink_to(other)
    try:
        assert imap.do('SELECT Linked')[:3] == 'NO '
        assert imap.do('LIST "" *').startswith('OK')
    finally:
        (mine / '.Linked').unlink()


def test_53_wildcards(imap):
    for i in range(20):
        imap.do('CREATE ' + '/'.join(['aaaaaaaaaaaaaaaaaaaa'] * 3) + f'{i}')
    began = time.monotonic()
    for pattern in ('*%*%*%*%*%*%*%*%*%*%', '%*' * 200, '*a' * 100 + 'b', '%/%/%/%/*'):
        assert imap.do(f'LIST "" "{pattern}"').startswith('OK')
    assert time.monotonic() - began < 5


@pytest.mark.parametrize('items, reply', [('0', 'BAD'), ('1:0', 'BAD'), ('4294967296', 'BAD'), ('1,', 'BAD'), ('1:*:2', 'BAD'),
                                          ('', 'BAD'), ('*:*', 'OK'), ('*:1', 'OK'), ('4294967295:*', 'OK')])
def test_54_sets(imap, items, reply):
    assert imap.append(b'Subject: one\r\n\r\nx').startswith('OK')
    assert imap.do(f'UID FETCH {items} (UID)').startswith(reply)


def test_54_many_ranges(imap):
    r = imap.do('UID FETCH ' + ','.join(f'{2 * i + 1}:{2 * i + 1}' for i in range(10000)) + ' (UID)')
    assert r.startswith('BAD [TOOBIG]')
    assert imap.do('UID FETCH ' + ','.join(f'{2 * i + 1}' for i in range(1000)) + ' (UID)').startswith('OK')
    assert imap.do('NOOP').startswith('OK')


def test_55_nested_search(imap):
    assert imap.do('SEARCH ' + '(' * 40 + 'ALL' + ')' * 40).startswith('OK')
    for depth in (60, 10000):
        assert imap.do('SEARCH ' + '(' * depth + 'ALL' + ')' * depth).startswith('BAD')
        assert imap.do('SEARCH ' + 'NOT ' * depth + 'ALL').startswith('BAD')
        assert imap.do('NOOP').startswith('OK')


def test_56_charset(imap):
    assert imap.do('SEARCH CHARSET KLINGON SUBJECT x').startswith('NO [BADCHARSET')
    assert imap.do('SEARCH CHARSET UTF-8 SUBJECT x').startswith('OK')


def test_57_58_parts_and_partials(imap):
    assert imap.append(b'Subject: parts\r\n\r\nbody').startswith('OK')
    deep = '.'.join(['1'] * 1000)
    for item, reply in ((f'BODY[{deep}]', b'NIL'), ('BODY[2]', b'NIL'), ('BODY[4294967295]', b'NIL'), ('BODY[]<4294967295.4294967295>', b'""')):
        r = imap.do(f'FETCH * ({item})')
        assert r[:3] in ('OK ', 'BAD')
        if r.startswith('OK'):
            assert reply in imap.untagged[-1] or b'{0}' in imap.untagged[-1], imap.untagged
        else:
            assert item.startswith('BODY[1.1')
    for item in ('BODY[0]', 'BODY[4294967296]', 'BODY[]<0.0>', 'BODY[]<4294967296.1>', 'BODY[1.]', 'BODY[HEADER.FIELDS ()]', 'BODY[1.1.1'):
        assert imap.do(f'FETCH * ({item})').startswith('BAD'), item
    assert imap.do('NOOP').startswith('OK')


def test_59_append_cut(suite):
    m = Imap(suite, 2)
    m.send(b'a APPEND INBOX {5000}\r\n')
    assert m.f.readline().startswith(b'+')
    m.send(b'Subject: cut\r\n\r\n' + b'x' * 3000)
    m.close()
    m = Imap(suite, 2)
    assert m.do('SELECT INBOX').startswith('OK') and m.do('SEARCH SUBJECT cut').startswith('OK')
    assert m.untagged == [b'* SEARCH\r\n']
    m.close()
    home = pathlib.Path(suite.accounts[2]['maildir'])
    suite.wait_for(lambda: not list((home / 'tmp').iterdir()))
    assert not suite.messages(2)


def test_60_over_quota(suite):
    suite.tool('user', 'add', '--quota', '20000', '--password-stdin', 'small@example.test', input='secret\n')
    suite.accounts.append({'address': 'small@example.test', 'password': 'secret'})
    m = Imap(suite, 3)
    assert m.append(b'Subject: fits\r\n\r\n' + b'x' * 1000).startswith('OK')
    assert m.append(b'Subject: does not\r\n\r\n' + b'x' * 30000).startswith('NO [OVERQUOTA]')
    assert m.do('SELECT INBOX').startswith('OK') and b'* 1 EXISTS\r\n' in m.untagged
    m.close()
    suite.accounts.pop()


def test_62_boxes_of_others(suite, imap):
    """Whether they exist or not: the same answer."""
    replies = set()
    for name in ('user1@example.test', 'nobody@example.test', 'INBOX/nothing', 'user/user1', 'Other Users/user1'):
        replies.add(re.sub(r'".*"|\S+@\S+', '', imap.do(f'STATUS "{name}" (MESSAGES)')))
    assert len(replies) == 1 and replies.pop().startswith('NO ')


def test_63_expunge_in_two_sessions(suite):
    one, two = Imap(suite, 2), Imap(suite, 2)
    assert one.do('CREATE Sixtythree').startswith('OK')
    for i in range(6):
        assert one.append(b'Subject: s%d\r\n\r\n' % i, 'Sixtythree').startswith('OK')
    assert one.do('SELECT Sixtythree').startswith('OK') and two.do('SELECT Sixtythree').startswith('OK')
    assert one.do('STORE 1,3,5 +FLAGS (\\Deleted)').startswith('OK')
    # a number means the message it meant when this session last heard: FETCH must not tell of expunges (RFC 3501 7.4.1)
    assert one.do('EXPUNGE').startswith('OK')
    assert [l for l in one.untagged if b'EXPUNGE' in l] in ([b'* 1 EXPUNGE\r\n', b'* 2 EXPUNGE\r\n', b'* 3 EXPUNGE\r\n'],
                                                            [b'* 5 EXPUNGE\r\n', b'* 3 EXPUNGE\r\n', b'* 1 EXPUNGE\r\n'])
    assert two.do('FETCH 6 (BODY[HEADER.FIELDS (SUBJECT)])').startswith('OK')
    assert any(b's5' in l for l in two.untagged) and not any(b'EXPUNGE' in l for l in two.untagged)
    assert two.do('NOOP').startswith('OK')
    left = [b's%d' % i for i in range(6)]
    for l in two.untagged:
        m = re.match(rb'\* (\d+) EXPUNGE', l)
        if m:
            del left[int(m[1]) - 1]
    assert left == [b's1', b's3', b's5']
    one.close(), two.close()


def test_64_what_lies_in_cur(suite, imap):
    """Whatever a user puts there that is no message is left out, and neither stops nor ends the session."""
    cur = pathlib.Path(suite.accounts[1]['maildir']) / 'cur'
    assert imap.append(b'Subject: sixtyfour\r\n\r\nx').startswith('OK')
    owner = cur.stat()
    os.mkfifo(cur / '1.fifo.x:2,')
    (cur / '1.dir.x:2,').mkdir()
    (cur / '1.link.x:2,').symlink_to('/etc/passwd')
    (cur / '1.dead.x:2,').symlink_to('nowhere')
    with open(cur / '1.large.x:2,', 'wb') as f:
        f.truncate(5 << 30)
    (cur / '1.secret.x:2,').write_bytes(b'Subject: none may read\n\n')
    (cur / '1.secret.x:2,').chmod(0)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(cur / 's'))
    for p in cur.iterdir():
        os.chown(p, owner.st_uid, owner.st_gid, follow_symlinks=False)
    try:
        m = Imap(suite, 1)
        assert m.do('SELECT INBOX').startswith('OK')
        assert m.do('SEARCH SUBJECT sixtyfour').startswith('OK') and m.untagged != [b'* SEARCH\r\n']
        assert m.do('FETCH 1:* (UID FLAGS RFC822.SIZE)')[:2] in ('OK', 'NO')
        assert m.do('SEARCH BODY root')[:2] in ('OK', 'NO')
        assert not any(b'root:' in l for l in m.untagged)
        assert m.do('NOOP').startswith('OK')
        m.close()
    finally:
        sock.close()
        for p in cur.glob('1.*'):
            p.rmdir() if p.is_dir() and not p.is_symlink() else p.unlink()
        (cur / 's').unlink(missing_ok=True)


# --- MIME and headers: through SMTP into a mailbox, and everything that IMAP can say about it ------

def nested(n):
    text = b''
    for i in range(n):
        text += b'Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n' % (i, i)
    return text


EVIL = {
    65: nested(10000),
    66: b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + b'--b\r\n\r\nx\r\n' * 200000,
    67: b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n',
    67.1: b'Content-Type: multipart/mixed; boundary=' + b'b' * 2048 + b'\r\n\r\n--' + b'b' * 2048 + b'\r\n\r\nx\r\n',
    67.2: b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n',
    67.3: b'Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--bb--\r\n',
    68: b'X: y\r\n' * 1600000 + b'\r\n',
    68.1: b'X: ' + b'y' * 10000000 + b'\r\n\r\n',
    69: b'To: ' + b',\r\n '.join(b'a%d@b.test' % i for i in range(100000)) + b'\r\n\r\n',
    70: b'From: (comment ends in \\\r\nTo: ' + b'(' * 100000 + b'\r\nCc: "open quote\r\n\r\n',
    71: b'Subject: =?klingon?q?abc?= ' + b'=?utf-8?q?=0D=0A=00?= ' * 10000 + b'\r\n\r\n',
    72: b'Content-Type: text/plain; ' + b'; '.join(b"n*%d*=utf-8''%%zz%%" % (i * 7) for i in range(2000)) + b'; n*99999*=x\r\n\r\n',
    73: b'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!=\xff\r\nQUJD=',
    74: b'Date: Mon, 31 Feb 99999 99:99:99 +9999\r\n\r\n',
    74.1: b'Date: 31 Feb 2020 10:00:00 +0000\r\n\r\n',
    75: b'no colon here\r\n leading\r\n: colon first\r\n\r\n',
    75.1: b'', 75.2: b'\r\n', 75.3: b'From: a@b.test\r\nFrom: c@d.test\r\n\r\n', 75.4: b' starts with a blank\r\n\r\n',
}


@pytest.mark.parametrize('number', EVIL)
def test_65_to_75_evil_mail(suite, number):
    token = f'evil-{number}-{time.monotonic_ns()}'
    body = b'X-Token: ' + token.encode() + b'\r\n' + EVIL[number]
    with Client(suite.smtp_port) as c:
        assert c.say('EHLO client.test').startswith('250')
        envelope(c, suite.accounts[0]['address'])
        assert data(c, body).startswith('250 ')
    m = Imap(suite, 0)
    m.s.settimeout(60)
    assert m.do('SELECT INBOX').startswith('OK')

    def find():
        """Large mail is delivered after the 250."""
        assert m.do(f'UID SEARCH HEADER X-Token {token}').startswith('OK')
        return next(l for l in m.untagged if l.startswith(b'* SEARCH')).split()[2:]
    uid = suite.wait_for(find)[0].decode()
    began = time.monotonic()
    for items in ('ENVELOPE', 'BODYSTRUCTURE', 'BODY', 'RFC822.SIZE INTERNALDATE', 'BODY.PEEK[1]', 'BODY.PEEK[TEXT]<0.100>',
                  'BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)]', 'BODY.PEEK[1.1.1.MIME]'):
        assert m.do(f'UID FETCH {uid} ({items})').startswith('OK'), items
        assert sum(map(len, m.untagged)) < 25 << 20, items
    assert m.do(f'UID SEARCH UID {uid} TEXT nothing SENTSINCE 1-Jan-2020').startswith('OK')
    assert m.do(f'UID FETCH {uid} (BODY.PEEK[])').startswith('OK')
    stored = m.untagged[0]
    assert EVIL[number] in stored  # whole, whatever is wrong with it
    assert time.monotonic() - began < 30
    assert m.do(f'UID STORE {uid} +FLAGS (\\Deleted)').startswith('OK') and m.do('EXPUNGE').startswith('OK')
    m.close()


# --- configuration, disk, processes --------------------------------------------------------------

def lmdb_file(path, rows):
    """As another program would write it: with bytes that no text source can have."""
    lib = ctypes.CDLL('liblmdb.so.0')

    class Val(ctypes.Structure):
        _fields_ = [('n', ctypes.c_size_t), ('p', ctypes.c_char_p)]

    def call(name, *args):
        assert getattr(lib, name)(*args) == 0, name

    env, txn, dbi = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint()
    call('mdb_env_create', ctypes.byref(env))
    call('mdb_env_open', env, os.fsencode(path), 0x4000 | 0x400000, 0o644)  # MDB_NOSUBDIR, MDB_NOLOCK
    call('mdb_txn_begin', env, None, 0, ctypes.byref(txn))
    call('mdb_dbi_open', txn, None, 0, ctypes.byref(dbi))
    for key, value in rows.items():
        call('mdb_put', txn, dbi, ctypes.byref(Val(len(key), key)), ctypes.byref(Val(len(value), value)), 0)
    call('mdb_txn_commit', txn)
    lib.mdb_env_close(env)


def test_83_any_byte_in_values():
    """A value with LF, CR or NUL is a table that fails; with any other byte it is what it says, as far as that can be said,
    and what makes no sense defers. Nobody is told lies for it, and the process lives."""
    tables = {'to': lambda b: (b'to%02x@example.test' % b, b'user' + bytes([b]) + b'9@example.test'),
              'may': lambda b: (b'may%02x@example.test' % b, b'REJECT go' + bytes([b]) + b'away'),
              'way': lambda b: (b'way%02x.test' % b, b'smtp:[ho' + bytes([b]) + b'st.test]')}
    s = conftest.Suite(conf='virtual_alias_maps = {"lmdb:to"}\nrecipient_access = {"lmdb:may"}\ntransport_maps = {"lmdb:way"}\n')
    try:
        (s.top / 'table').mkdir(mode=0o755)
        for name, row in tables.items():
            lmdb_file(s.top / f'table/{name}.lmdb', dict(map(row, range(256))))
            (s.top / f'table/{name}.lmdb').chmod(0o644)
        s.start()
        for b in range(256):
            faulty = b in b'\0\r\n'
            with s.smtp_client() as c:
                c.ehlo('client.test')
                c.mail('sender@client.test')
                assert c.rcpt(f'to{b:02x}@example.test')[0] == (451 if faulty else 250), b
                code, text = c.rcpt(f'may{b:02x}@example.test')
            if faulty:
                assert code == 451
                s.wait_event('table-failed', table=rf'lmdb:may(may{b:02x}@example.test)')
            else:
                assert code == 554 and text.startswith(b'5.7.1 go') and text.decode('ascii').isprintable(), (b, text)
        odd = [0, 9, 10, 13, 27, 32, 64, 127, 128, 255]
        for b in odd:
            s.send(f'by way {b:02x}', to=[f'u@way{b:02x}.test'])
        for b in odd:
            out = s.outcome(f'u@way{b:02x}.test')
            assert out['event'] == 'deferred' and out['status'].startswith('451 '), out
            assert out['status'].isascii() and out['status'].isprintable()
        for b in (64, 127, 128, 255):
            s.send(f'to whom {b:02x}', to=[f'to{b:02x}@example.test'])
            assert s.outcome(f'to{b:02x}@example.test')['event'] == 'deferred'
    finally:
        s.close()  # nothing has died


@pytest.mark.parametrize('line', ids=lambda line: line[:30], argvalues=['no_such_setting = 1', 'hostname = "a.test"\nhostname = "b.test"', 'include("thurn.conf")',
                                  'hostname = "' + 'x' * (1 << 20) + '"', 'hostname = "unfinished', 'listener x {',
                                  'smtp_workers = 99999999999999999999', 'hostname = "${PATH}"', 'message_size_limit = -1'])
def test_84_configuration(suite, line):
    """Not loaded; the old one stays; the place is named."""
    conf = pathlib.Path(suite.conf)
    good = conf.read_text()
    try:
        conf.write_text(good + line + '\n')
        for command in ('reload', 'config'):
            r = suite.tool(*([command] if command == 'reload' else [command, 'check']), check=False)
            assert r.returncode != 0 and re.search(r'thurn\.conf:(\d+:| larger)', r.stderr + r.stdout), r.stderr + r.stdout
    finally:
        conf.write_text(good)
    suite.send('still there')


@contextlib.contextmanager
def on_a_disk(tmp_path, options, conf):
    """An instance whose spool is on a file system of its own at tmp_path / 'disk'; its mail cannot go on."""
    s = conftest.Suite(conf=f'spool_directory = "{tmp_path}/disk/spool"\nrelayhost = "[127.0.0.1]:9"\nremote_ports = {{9}}\n{conf}')
    disk = tmp_path / 'disk'
    disk.mkdir()
    for p in (tmp_path, *list(tmp_path.parents)[:-1]):
        if not p.stat().st_mode & 0o011 and p.stat().st_uid == os.geteuid():
            p.chmod(p.stat().st_mode | 0o011)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'{options},mode=755', 'none', disk]).returncode:
        pytest.skip('cannot mount')
    try:
        yield s.start()
    finally:
        s.stop()
        subprocess.run(['umount', disk])
        shutil.rmtree(s.top, ignore_errors=True)


def relayed(suite, text):
    """The code of the first answer that is none of 250 and 354, or of the last."""
    with suite.smtp_client() as c:
        c.ehlo()
        for code in (lambda: c.mail('a@client.test')[0], lambda: c.rcpt('x@elsewhere.test')[0], lambda: c.data(text)[0]):
            code = code()
            if code != 250:
                break
        return code


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_107_large_bodies_that_never_end(tmp_path):
    """What they could become is set aside, of half the space at most: more get 452, and all else is taken."""
    large = 'Subject: large\r\n\r\n' + ('x' * 78 + '\r\n') * 5000
    with on_a_disk(tmp_path, 'size=150m', 'message_size_limit = 20M\nqueue_minimal_free = 10M\nsmtpd_workers = 1\n') as s:
        slow = []
        for n in range(3):
            assert relayed(s, large) == 250
            slow.append(Client(s.smtp_port))
            slow[n].say('EHLO x')
            envelope(slow[n], 'x@elsewhere.test', sender='<a@client.test> SIZE=300000')
            assert slow[n].say('DATA').startswith('354')
            slow[n].send(large.encode())
            s.wait_for(lambda: json.loads(s.tool('queue', 'summary', '--json').stdout)['incoming'] == n + 1)
        assert relayed(s, large) == 452
        assert relayed(s, 'Subject: small\r\n\r\n') == 250
        slow.pop().s.shutdown(socket.SHUT_RDWR)
        s.wait_for(lambda: relayed(s, large) == 250)
        for c in slow:  # a stop would wait for them
            c.s.shutdown(socket.SHUT_RDWR)


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_107_no_inodes(tmp_path):
    """452 while there are none, and mail is taken again when there are."""
    with on_a_disk(tmp_path, 'size=2g,nr_inodes=400', 'queue_minimal_inodes = 10\n') as s:
        fill = tmp_path / 'disk/fill'
        fill.mkdir()
        made = []
        while True:
            try:
                made.append(fill / str(len(made)))
                made[-1].touch()
            except OSError:
                break
        assert 400 <= relayed(s, 'Subject: x\r\n\r\n') < 500
        for p in made:
            p.unlink(missing_ok=True)
        s.wait_for(lambda: relayed(s, 'Subject: x\r\n\r\n') == 250)


def test_118_killed_within_a_commit():
    """The recipients of a large commit come in several packets: a message has all of them, or is none."""
    s = conftest.Suite(conf='relayhost = "[127.0.0.1]:9"\nremote_ports = {9}\nsmtpd_workers = 1\nsmtp_client_connections = 0\n')
    rounds, rcpts = 5, 700
    try:
        s.start()

        def one(n):
            row, = [r for r in map(json.loads, s.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'smtpd']
            with s.smtp_client() as c:
                c.ehlo()
                c.mail('a@client.test')
                for i in range(rcpts):
                    assert c.rcpt(f'{"x" * 60}{i}@{"y" * 60}.{"z" * 60}.{"w" * 60}.test')[0] == 250
                c.docmd('DATA')
                c.sock.sendall(b'Subject: parts\r\n\r\n.\r\n')
                time.sleep(n * 0.001)
                os.kill(row['pid'], 9)
                try:
                    return c.getreply()[0] == 250
                except smtplib.SMTPServerDisconnected:
                    return False

        def again():
            try:
                with s.smtp_client() as c:
                    return c.ehlo()[0] == 250
            except (OSError, smtplib.SMTPException):
                return False
        promised = 0
        for n in range(rounds):
            s.wait_for(again, 40)  # whoever dies often is started again later
            try:
                promised += one(n)
            except smtplib.SMTPServerDisconnected:
                pass
        found = [json.loads(l) for l in s.tool('queue', 'list', '--json').stdout.splitlines()]
        assert promised <= len(found) <= rounds
        for m in found:
            assert len(m['recipients']) + m.get('more_recipients', 0) == rcpts
    finally:
        s.stop()
        shutil.rmtree(s.top, ignore_errors=True)
