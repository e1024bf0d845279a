"""Delivery into mailboxes by the running suite: what is on disk, and what happens when it cannot be put there."""
import json, os, pathlib, re, shutil, signal, smtplib, threading, time
import pytest

QUICK = 'minimal_backoff = 1s\nmaximal_backoff = 2s\n'


@pytest.fixture(scope='module')
def suite():
    import conftest
    with conftest.running(users=3, conf=QUICK) as s:
        yield s


def with_subject(suite, subject, n=0, folder=''):
    return [f for f in suite.messages(n, folder) if f'Subject: {subject}\n' in f.read_text(errors='replace')]


def arrives(suite, subject, n=0):
    return suite.wait_for(lambda: with_subject(suite, subject, n))[0]


def test_file(suite):
    suite.send('on disk', body='.dot\r\nline')
    f = arrives(suite, 'on disk')
    data = f.read_bytes()
    assert data.startswith(b'Return-Path: <sender@client.test>\nDelivered-To: user1@example.test\nReceived: from ')
    assert b'\r' not in data and data.endswith(b'\n\n.dot\nline\n')
    m = re.fullmatch(r'\d+\.Q[a-z2-7]{13}R\d+\.mx\.example\.test,S=(\d+),W=(\d+)', f.name)
    assert m and int(m[1]) == len(data) and int(m[2]) == len(data) + data.count(b'\n')
    assert f.stat().st_mode & 0o777 == 0o600
    assert f.parent.name == 'new' and not list((f.parent.parent / 'tmp').iterdir())
    assert f.stat().st_uid == f.parent.stat().st_uid


def test_null_sender_and_large(suite):
    suite.send('null sender', sender='', body='x' * 70 + '\r\n')
    assert b'Return-Path: <>\n' in arrives(suite, 'null sender').read_bytes()
    body = ('y' * 76 + '\r\n') * 40000
    suite.send('three megabytes', body=body)
    f = arrives(suite, 'three megabytes')
    suite.wait_for(lambda: f.read_bytes().endswith(body.replace('\r\n', '\n').encode() + b'\n'))


def test_several_recipients(suite):
    to = [a['address'] for a in suite.accounts]
    suite.send('to three', to=to)
    for n, address in enumerate(to):
        assert f'Delivered-To: {address}\n' in arrives(suite, 'to three', n).read_text()


def test_home_is_away(suite):
    """An unmounted home: later, without a bounce, and nothing is made in its place."""
    home = pathlib.Path(suite.accounts[1]['maildir']).parent
    away = home.with_name('away')
    home.rename(away)
    suite.send('home away', to=[suite.accounts[1]['address']])
    suite.wait_event('maildir-unavailable')
    assert not home.exists()
    away.rename(home)
    arrives(suite, 'home away', 1)
    assert len(with_subject(suite, 'home away', 1)) == 1


def test_home_is_away_after_a_kill(suite):
    """What was under way when the queue ended stays unknown until a mailbox has been looked into."""
    home = pathlib.Path(suite.accounts[1]['maildir']).parent
    away = home.with_name('away')

    def events(name):
        return [e for e in suite.events(name) if e.get('queue') == id]
    home.rename(away)
    before = len(suite.events('deferred'))
    suite.send('killed', to=[suite.accounts[1]['address']])
    id = suite.wait_for(lambda: suite.logged('deferred')[before:])[0]['queue']
    path = suite.wait_for(lambda: list(pathlib.Path(suite.spool).glob(f'??/{id}')))[0]
    data, owner = path.read_bytes(), path.stat()
    away.rename(home)
    copy = arrives(suite, 'killed', 1)
    suite.wait_for(lambda: not path.exists())
    suite.tool('stop')
    # read meanwhile, and the queue was killed before it had the result
    copy.rename(copy.parent.parent / 'cur' / f'{copy.name}:2,S')
    path.write_bytes(data)
    path.chmod(owner.st_mode)
    os.chown(path, owner.st_uid, owner.st_gid)
    home.rename(away)
    tries = len(events('deferred'))
    suite.tool('start')
    suite.wait_for(lambda: len(events('deferred')) > tries + 1)
    away.rename(home)
    suite.wait_for(lambda: len(events('delivered')) == 2)
    assert len(with_subject(suite, 'killed', 1)) == 1


def test_maildir_is_a_link(suite):
    """Into another's mailbox: refused, and nothing gets there."""
    mine, other = (pathlib.Path(suite.accounts[i]['maildir']) for i in (1, 2))
    kept = mine.with_name('kept')
    mine.rename(kept)
    mine.symlink_to(other)
    before = len(suite.events('maildir-unavailable'))
    suite.send('by a link', to=[suite.accounts[1]['address']])
    suite.wait_for(lambda: len(suite.logged('maildir-unavailable')) > before)
    assert not with_subject(suite, 'by a link', 2)
    mine.unlink()
    kept.rename(mine)
    arrives(suite, 'by a link', 1)


def test_maildir_is_made(suite):
    maildir = pathlib.Path(suite.accounts[1]['maildir'])
    maildir.rename(maildir.with_name('Maildir.old'))
    suite.send('made again', to=[suite.accounts[1]['address']])
    arrives(suite, 'made again', 1)
    for d in ('tmp', 'new', 'cur'):
        assert (maildir / d).stat().st_mode & 0o777 == 0o700


def pids(suite, role):
    """Of the processes of that role, once all are ready."""
    def look():
        out = suite.tool('status', '--json', check=False)
        rows = [json.loads(l) for l in out.stdout.splitlines()] if out.returncode == 0 else []
        return [r['pid'] for r in rows if r.get('process') == role and r['state'] == 'ready']
    return suite.wait_for(look)


class Load(threading.Thread):
    """A client that sends without end, and knows what was taken."""

    def __init__(self, suite, number):
        super().__init__(daemon=True)
        self.suite, self.number, self.acked, self.stop = suite, number, [], False

    def run(self):
        i = 0
        while not self.stop:
            try:
                with smtplib.SMTP(self.suite.host, self.suite.smtp_port, timeout=20) as s:
                    while not self.stop:
                        i += 1
                        to = self.suite.accounts[i % 2]['address']
                        s.sendmail('sender@client.test', [to], f'Subject: load {self.number}.{i}\r\n\r\nx\r\n')
                        self.acked.append(f'load {self.number}.{i}')
            except (smtplib.SMTPException, OSError):
                time.sleep(0.01)


@pytest.fixture
def fragile():
    """An instance whose processes may die."""
    import conftest
    s = conftest.Suite(users=2, conf=QUICK).start()
    yield s
    s.stop()
    shutil.rmtree(s.top, ignore_errors=True)


@pytest.mark.parametrize('role', ['deliver-maildir', 'queue'])
def test_killed_under_load(fragile, role):
    """Whatever got a 250 is there once it runs again, and no delivery is done twice."""
    clients = [Load(fragile, k) for k in range(4)]
    for c in clients:
        c.start()
    for _ in range(5):
        before = sum(len(c.acked) for c in clients)
        fragile.wait_for(lambda: sum(len(c.acked) for c in clients) > before + 50)
        for pid in pids(fragile, role):
            os.kill(pid, signal.SIGKILL)
    for c in clients:
        c.stop = True
    for c in clients:
        c.join()
    acked = {s for c in clients for s in c.acked}

    def all_there():
        found = {}
        for n in range(2):
            for f in fragile.messages(n):
                found.setdefault(re.search(r'Subject: (.*)', f.read_text())[1], []).append(f.name)
        return found if acked <= set(found) else None
    found = fragile.wait_for(all_there, 30)
    for subject in acked:
        keys = [re.match(r'\d+\.Q\w{13}R\d+\.', name)[0] for name in found[subject]]
        assert len(keys) == len(set(keys)), f'{subject}: {found[subject]}'
    twice = [s for s in acked if len(found[s]) > 1]
    assert not twice, twice
