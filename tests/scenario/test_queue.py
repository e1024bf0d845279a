"""The queue with the real programs: acceptance, retries, reports, the tools' actions, restarts, damaged files."""
import email, json, os, pathlib, shutil, signal, smtplib, time
import pytest
import conftest
from smtp_fault_server import FaultServer

SENDER = 'user1@example.test'  # ours, so that reports can be read
NOWHERE = 'them@nowhere.test'  # deferred at once


class Later(dict):
    """A server's answer to any recipient: not now. No failure of the host, which would be left in peace for a while."""

    def get(self, rcpt, default=None):
        return '450 4.2.0 not now'


BUSY = FaultServer()
BUSY.refused = Later()
# no test asks the DNS of the machine it runs on
AWAY = f'''
transport_maps = {{"inline:{{nowhere.test=smtp:{BUSY.hop}, thousand.test=smtp:{BUSY.hop}}}"}}
remote_ports = {{{BUSY.port}}}
'''
SLOW = AWAY + '''
minimal_backoff = 300s
maximal_backoff = 300s
postmaster = "user2@example.test"
'''


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf=SLOW, users=5) as s:
        yield s


def send(suite, subject, to, sender=SENDER, text='body\r\n', mail=(), rcpt=()):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        return s.sendmail(sender, to, f'Subject: {subject}\r\n\r\n{text}'.encode(), mail, rcpt)


def address(n):
    return f'user{n}@example.test'


def listing(suite, *where):
    return [json.loads(l) for l in suite.tool('queue', 'list', '--json', *where).stdout.splitlines()]


def queue_files(suite):
    """Without those of what was deleted."""
    return [p for p in pathlib.Path(suite.spool).glob('[0-9a-f][0-9a-f]/*') if '~' not in p.name]


def queued(suite, subject):
    """The id under which the message of that subject was accepted."""
    def look():
        for r in listing(suite):
            if f'Subject: {subject}\r\n'.encode() in file_of(suite, r['queue_id']).read_bytes():
                return r['queue_id']
    return suite.wait_for(look)


def file_of(suite, id, part=''):
    digits = 'abcdefghijklmnopqrstuvwxyz234567'
    value = 0
    for c in id:
        value = value * 32 + digits.index(c)
    return pathlib.Path(suite.spool) / f'{value & 255:02x}' / (id + part)


def deferred(suite, subject, **kw):
    send(suite, subject, [NOWHERE], **kw)
    id = queued(suite, subject)
    suite.wait_event('deferred', queue=id)
    suite.wait_for(lambda: [r for r in listing(suite) if r['queue_id'] == id and r['queue_name'] == 'deferred'])
    return id


def gone(suite, id):
    return suite.wait_for(lambda: not [r for r in listing(suite) if r['queue_id'] == id])


def mailbox(suite, n, subject):
    return [f for f in suite.messages(n) if f'Subject: {subject}\n' in f.read_text(errors='replace')]


def report(suite, id, n=0):
    """The report about that message in the n-th mailbox, parsed."""
    def look():
        for f in suite.messages(n):
            m = email.message_from_bytes(f.read_bytes())
            if m.get_content_type() == 'multipart/report' and f'X-Queue-ID: {id}' in str(m):
                return m
    return suite.wait_for(look)


# --- acceptance ---------------------------------------------------------------------------------

def test_short_cut(suite):
    send(suite, 'short', [address(2), address(3)])
    suite.wait_for(lambda: mailbox(suite, 1, 'short') and mailbox(suite, 2, 'short'))
    accepted = suite.wait_event('message-accepted')
    assert accepted[-1]['fields']['how'] == 'shortcut'
    assert queue_files(suite) == []


def test_many_recipients(suite):
    send(suite, 'many', [address(n) for n in range(1, 6)])
    for n in range(5):
        suite.wait_for(lambda: mailbox(suite, n, 'many'))
    suite.wait_for(lambda: queue_files(suite) == [])
    for n in range(5):
        assert len(mailbox(suite, n, 'many')) == 1


def test_same_recipient_often(suite):
    send(suite, 'often', [address(2)] * 50 + [address(3)])
    suite.wait_for(lambda: mailbox(suite, 1, 'often') and mailbox(suite, 2, 'often'))
    time.sleep(0.3)
    assert len(mailbox(suite, 1, 'often')) == 1


def test_large(suite):
    text = ('0123456789' * 7 + '\r\n') * 50000
    send(suite, 'large', [address(2)], text=text)
    f = suite.wait_for(lambda: mailbox(suite, 1, 'large'))[0]
    assert f.read_bytes().endswith(text.replace('\r\n', '\n').encode())
    suite.wait_for(lambda: queue_files(suite) == [])


def test_thousand_recipients(suite):
    long = 'x' * 50
    send(suite, 'thousand', [f'{long}{n}@thousand.test' for n in range(1000)])
    id = queued(suite, 'thousand')
    r = [r for r in listing(suite) if r['queue_id'] == id][0]
    assert len(r['recipients']) + r.get('more_recipients', 0) == 1000
    suite.tool('queue', 'delete', id)
    gone(suite, id)


# --- what administrators do ---------------------------------------------------------------------

def test_listing(suite):
    id = deferred(suite, 'listed')
    r, = listing(suite, id)
    assert r['sender'] == SENDER and r['queue_name'] == 'deferred'
    assert r['arrival_time'] <= time.time() < r['next_try'] < time.time() + 400
    assert [x['address'] for x in r['recipients']] == [NOWHERE]
    assert 'not now' in r['recipients'][0]['delay_reason']
    assert [x['queue_id'] for x in listing(suite, 'them@NOWHERE')] == [id]
    assert listing(suite, 'someone-else') == []
    assert 'Subject: listed' in suite.tool('queue', 'show', id).stdout
    suite.tool('queue', 'delete', id)
    gone(suite, id)
    assert not file_of(suite, id).exists()


def test_hold_survives_a_restart(suite):
    id = deferred(suite, 'held')
    assert 'hold: 1' in suite.tool('queue', 'hold', id).stdout
    suite.wait_for(lambda: listing(suite, id)[0]['queue_name'] == 'hold')
    suite.tool('stop')
    suite.tool('start')
    suite.wait_for(lambda: suite.logged('queue-loaded')[-1]['fields']['held'] == 1)
    assert listing(suite, id)[0]['queue_name'] == 'hold'
    suite.tool('queue', 'flush', 'ALL')
    assert listing(suite, id)[0]['queue_name'] == 'hold'
    suite.tool('queue', 'release', id)
    suite.wait_for(lambda: listing(suite, id)[0]['queue_name'] == 'deferred')
    assert listing(suite, id)[0]['recipients'][0]['attempts'] == 2
    suite.tool('queue', 'delete', 'ALL')
    gone(suite, id)


def test_requeue_takes_the_new_route(suite):
    id = deferred(suite, 'requeued')
    with FaultServer() as server:
        conf = pathlib.Path(suite.conf)
        before = conf.read_text()
        suite.tool('stop')
        conf.write_text(before.replace(str(BUSY.port), str(server.port)))
        suite.tool('start')
        # an id is known when the queue has read what it has
        suite.wait_for(lambda: json.loads(suite.tool('queue', 'summary', '--json').stdout)['complete'])
        suite.tool('queue', 'requeue', id)
        gone(suite, id)
        assert [m.rcpts for m in server.messages] == [[NOWHERE]]
        suite.tool('stop')
        conf.write_text(before)
        suite.tool('start')


# --- reports ------------------------------------------------------------------------------------

def test_bounce(suite):
    id = deferred(suite, 'bounced', mail=['ENVID=QQ+2B314', 'RET=FULL'], rcpt=['ORCPT=rfc822;Them+40there'])
    suite.tool('queue', 'expire', id)
    m = report(suite, id)
    words, machine, message = m.get_payload()
    assert m['Return-Path'] == '<>' and m['To'] == f'<{SENDER}>' and m['Auto-Submitted'] == 'auto-replied'
    assert m.get_param('report-type') == 'delivery-status'
    assert NOWHERE in words.get_payload()
    about, rcpt = machine.get_payload()
    assert about['Reporting-MTA'] == 'dns; mx.example.test' and about['Original-Envelope-Id'] == 'QQ+314'
    assert rcpt['Original-Recipient'] == 'rfc822;Them@there' and rcpt['Final-Recipient'] == f'rfc822;{NOWHERE}'
    assert rcpt['Action'] == 'failed' and rcpt['Status'].startswith('5.')
    assert message.get_content_type() == 'message/rfc822' and 'body' in str(message)
    gone(suite, id)


def test_bounce_with_header_only(suite):
    id = deferred(suite, 'header-only', mail=['RET=HDRS'], text='not wanted\r\n')
    suite.tool('queue', 'expire', id)
    m = report(suite, id)
    assert m.get_payload()[2].get_content_type() == 'text/rfc822-headers'
    assert 'not wanted' not in str(m) and 'Subject: header-only' in str(m)


def test_never(suite):
    id = deferred(suite, 'never', rcpt=['NOTIFY=NEVER'])
    before = len(suite.messages(0))
    suite.tool('queue', 'expire', id)
    gone(suite, id)
    suite.wait_event('expired', queue=id)
    assert not [e for e in suite.events('report-made') if e['queue'] == id] and len(suite.messages(0)) == before


def test_success(suite):
    send(suite, 'successful', [address(2)], rcpt=['NOTIFY=SUCCESS'])
    suite.wait_for(lambda: mailbox(suite, 1, 'successful'))
    made = suite.wait_event('report-made', kind='success')
    m = report(suite, made[-1]['queue'])
    assert m.get_payload()[1].get_payload()[1]['Action'] == 'delivered'


def test_report_of_which_a_kill_left_the_beginning():
    """Its unfinished file is not taken for the report when the queue comes to the message first."""
    n, sender = 8, 'them@thousand.test'
    with conftest.running(conf=SLOW) as s:
        ids = [deferred(s, f'reported {i}', sender=sender) for i in range(n)]
        files = {file_of(s, id): file_of(s, id).read_bytes() for id in ids}
        conf = pathlib.Path(s.conf)
        s.tool('stop')
        conf.write_text(conf.read_text().replace(f'nowhere.test=smtp:{BUSY.hop}', 'nowhere.test=error:gone'))
        s.tool('start')

        def reports():
            """Ids of the reports, once they are all there is."""
            all = listing(s)
            return {r['queue_id'] for r in all if r['queue_name'] == 'deferred'} if not {r['queue_id'] for r in all} & set(ids) else None

        s.wait_for(lambda: json.loads(s.tool('queue', 'summary', '--json').stdout)['complete'])
        s.tool('queue', 'flush', 'ALL')
        before = s.wait_for(lambda: (r := reports()) and len(r) == n and r)
        s.tool('stop')
        for path, data in files.items():
            path.write_bytes(data)
            os.chown(path, path.parent.stat().st_uid, path.parent.stat().st_gid)
            path.chmod(0o600)
        for id in before:
            os.truncate(file_of(s, id), 0)
            # in a long queue it may be some time until its turn comes
            os.utime(file_of(s, id), (time.time() + 3,) * 2)
        s.tool('start')
        s.wait_for(lambda: reports() == before)
        assert all(b'multipart/report' in file_of(s, id).read_bytes() for id in before)


def test_double_bounce(suite):
    id = deferred(suite, 'from nobody', sender='')
    suite.tool('queue', 'expire', id)
    m = report(suite, id, n=1)
    assert m['To'] == '<user2@example.test>'
    gone(suite, id)


def test_delay_warning_and_lifetime():
    conf = AWAY + 'minimal_backoff = 1s\nmaximal_backoff = 1s\ndelay_warning = 1s\nqueue_lifetime = 4s\n'
    with conftest.running(conf=conf) as s:
        send(s, 'late', [NOWHERE])
        id = queued(s, 'late')
        s.wait_event('report-made', kind='delay')
        s.wait_event('report-made', kind='failure')
        gone(s, id)
        assert len(s.events('report-made', kind='delay')) == 1
        s.wait_for(lambda: len(s.messages(0)) == 2)
        texts = [f.read_text() for f in s.messages(0)]
        assert [t for t in texts if 'Action: delayed' in t and 'Will-Retry-Until:' in t]
        assert [t for t in texts if 'Action: failed' in t]


# --- expansions ---------------------------------------------------------------------------------

def test_expansion():
    conf = SLOW + '''
virtual_alias_maps = {"inline:{{list@example.test = user1@example.test, user2@example.test, them@nowhere.test}}"}
'''
    with conftest.running(conf=conf) as s:
        send(s, 'expanded', ['list@example.test'])
        s.wait_for(lambda: mailbox(s, 0, 'expanded') and mailbox(s, 1, 'expanded'))
        id = queued(s, 'expanded')
        assert file_of(s, id, '.1').exists()
        s.wait_for(lambda: listing(s, id)[0]['queue_name'] == 'deferred')
        assert [(r['address'], r['orig_address']) for r in listing(s, id)[0]['recipients']] == \
            [(NOWHERE, 'list@example.test')]
        # neither the next try nor a restart delivers to the others again
        s.tool('queue', 'flush', 'ALL')
        s.wait_for(lambda: listing(s, id)[0]['recipients'][0]['attempts'] == 2)
        s.tool('stop')
        s.tool('start')
        s.wait_for(lambda: s.logged('queue-loaded')[-1]['fields']['deferred'] == 1)
        s.tool('queue', 'flush', 'ALL')
        s.wait_for(lambda: listing(s, id)[0]['recipients'][0]['attempts'] == 3)
        assert len(mailbox(s, 0, 'expanded')) == 1 and len(mailbox(s, 1, 'expanded')) == 1
        # the bounce names what the sender wrote, not where it leads
        s.tool('queue', 'expire', id)
        m = report(s, id)
        assert m.get_payload()[1].get_payload()[1]['Final-Recipient'] == 'rfc822;list@example.test'
        gone(s, id)
        assert not file_of(s, id, '.1').exists()


# --- what is found at the start -----------------------------------------------------------------

def restart_with(suite, change):
    loaded = len(suite.events('queue-loaded'))
    suite.tool('stop')
    change()
    suite.tool('start')
    suite.wait_for(lambda: len(suite.logged('queue-loaded')) > loaded)


def test_damaged_file(suite):
    id = deferred(suite, 'damaged')
    path = file_of(suite, id)

    def flip():
        when = path.stat().st_mtime
        raw = bytearray(path.read_bytes())
        raw[600] ^= 4
        path.write_bytes(raw)
        os.utime(path, (when, when))
    restart_with(suite, flip)
    suite.tool('queue', 'flush', 'ALL')
    suite.wait_event('message-damaged', queue=id)
    suite.wait_for(lambda: (pathlib.Path(suite.spool) / 'corrupt' / id).exists())
    assert not path.exists()


def test_unfinished_and_strange_files(suite):
    spool = pathlib.Path(suite.spool)
    owner = spool.stat()
    names = {'00/aaaaaaaaaaaaa': b'', '00/x': b'x', '01/bbbbbbbbbbbbb': b'', '02/aaaaaaaaaaaac.7': b'junk'}

    def make():
        for d in range(6):
            (spool / f'{d:02x}').mkdir(0o700, exist_ok=True)
            os.chown(spool / f'{d:02x}', owner.st_uid, owner.st_gid)
        for name, data in names.items():
            (spool / name).write_bytes(data)
            os.chown(spool / name, owner.st_uid, owner.st_gid)
        (spool / '03/aaaaaaaaaaaad').symlink_to('/etc/passwd')
        (spool / '04/aaaaaaaaaaaae').mkdir()
        os.mkfifo(spool / '05/aaaaaaaaaaaaf')
    restart_with(suite, make)
    suite.wait_for(lambda: not (spool / '00/aaaaaaaaaaaaa').exists())
    suite.wait_for(lambda: not (spool / '02/aaaaaaaaaaaac.7').exists())
    strange = {e['fields']['name'] for e in suite.events('strange-file')}
    assert strange == {'x', 'bbbbbbbbbbbbb', 'aaaaaaaaaaaad', 'aaaaaaaaaaaae', 'aaaaaaaaaaaaf'}
    assert (spool / '00/x').exists() and (spool / '03/aaaaaaaaaaaad').is_symlink()
    (spool / '00/x').unlink()
    (spool / '01/bbbbbbbbbbbbb').unlink()
    (spool / '03/aaaaaaaaaaaad').unlink()
    (spool / '04/aaaaaaaaaaaae').rmdir()
    (spool / '05/aaaaaaaaaaaaf').unlink()


def test_no_marker():
    s = conftest.Suite()
    try:
        s.start()
        assert s.stop() == ''
        (pathlib.Path(s.spool) / 'thurn-spool').unlink()
        r = s.tool('start', check=False)
        assert r.returncode != 0 and 'thurn-spool' in r.stdout + r.stderr
    finally:
        s.tool('stop', check=False)
        shutil.rmtree(s.top, ignore_errors=True)


def test_killed():
    """A queue process that dies loses nothing, and the others go on."""
    s = conftest.Suite(conf=SLOW).start()
    try:
        id = deferred(s, 'kept')
        def queue():
            lines = s.tool('status', '--json', check=False).stdout.splitlines()
            return ([r['pid'] for r in map(json.loads, lines) if r.get('process') == 'queue'] + [0])[0]
        before = queue()
        os.kill(before, signal.SIGKILL)
        s.wait_for(lambda: queue() not in (0, before))
        s.wait_for(lambda: [e for e in s.logged('queue-loaded') if e['pid'] == queue()])
        assert [r['queue_id'] for r in listing(s)] == [id]
        send(s, 'after', [address(2)])
        s.wait_for(lambda: mailbox(s, 1, 'after'))
    finally:
        s.tool('stop', check=False)
        shutil.rmtree(s.top, ignore_errors=True)
