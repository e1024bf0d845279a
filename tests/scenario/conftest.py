"""Fixtures for tests with the real programs: a private instance per test file, in a folder of its own.

    def test_something(suite):            # two accounts, default settings
    suite = new_suite(conf='...', users=5)  # in a fixture of your own, for other settings
"""
import contextlib, imaplib, json, os, pathlib, shutil, smtplib, subprocess, sys, tempfile, time
import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
from instances import Instance

BUILD = pathlib.Path(os.environ.get('THURN_BUILD', TESTS.parent / 'build')).resolve()


class Suite:
    """A running instance and what tests do with it; the fields of tests/instance's JSON are attributes."""

    def __init__(self, users=2, conf='', build=BUILD):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-test-'))
        self.top.chmod(0o711)
        self.extra = self.top / 'extra.conf'
        self.extra.write_text(conf)
        self.build = build
        self.users = users

    def start(self):
        """Raises instances.Failed."""
        about = Instance(self.top, self.build).start(self.users, self.extra.read_text())
        self.__dict__.update({k: v for k, v in about.items() if k != 'build'})
        return self

    def stop(self):
        """What was wrong, or ''."""
        return Instance(self.top, self.build).stop()

    def close(self):
        """Ends it; it must have been fine until then, and nothing may be left."""
        wrong = self.stop()
        log = self.logged()
        shutil.rmtree(self.top, ignore_errors=True)
        assert not wrong, '\n'.join([wrong, *map(str, log[-20:])])

    # --- using it

    def tool(self, *args, check=True, **kw):
        """thurn ARGS, or another tool if the first word is a path or the name of a link."""
        env = dict(os.environ, THURN_LIBEXEC=str(self.build / 'libexec'), THURN_CONF=self.conf)
        return subprocess.run([self.build / 'bin/thurn', '-c', self.conf, *args], env=env, check=check,
                              capture_output=True, text=True, timeout=60, **kw)

    def smtp_client(self, **kw):
        return smtplib.SMTP(self.host, self.smtp_port, timeout=20, **kw)

    @property
    def smtp_port(self):
        return self.__dict__['smtp']

    @property
    def imap_port(self):
        return self.__dict__['imap']

    def login(self, n=0):
        m = imaplib.IMAP4(self.host, self.imap_port, timeout=20)
        m.login(self.accounts[n]['address'], self.accounts[n]['password'])
        return m

    def send(self, text, to=None, sender='sender@client.test', body='body'):
        with smtplib.SMTP(self.host, self.smtp_port, timeout=20) as s:
            return s.sendmail(sender, to or [self.accounts[0]['address']], f'Subject: {text}\r\n\r\n{body}\r\n')

    def logged(self, name=None, **match):
        """The log as it is now, parsed; only events of that name, with that queue, trace, pid, program or those fields."""
        try:
            # the last line may be half written just now
            lines = open(self.log, errors='replace').read().rpartition('\n')[0].splitlines()
        except (OSError, AttributeError):
            return []
        parsed = [json.loads(l) for l in lines if l.startswith('{')]
        return [e for e in parsed if (name is None or e.get('event') == name) and
                all((e if k in ('queue', 'trace', 'pid', 'program') else e['fields']).get(k) == v for k, v in match.items())]

    def events(self, name=None, **match):
        """The same, and nothing that has happened is missing.

        A program says what has happened after it has answered, and log writes what it has read: each answers to
        `thurn status` in its turn, so both have done so before the third answer.
        """
        for _ in range(3):
            self.tool('status', check=False)
        return self.logged(name, **match)

    def wait_event(self, name, n=1, seconds=20, **match):
        """Such events, once there are n of them."""
        return self.wait_for(lambda: len(e := self.logged(name, **match)) >= n and e, seconds)

    def outcome(self, to, seconds=60):
        """Event and fields of what the log says first about that recipient's delivery."""
        e = self.wait_for(lambda: [e for e in self.logged(to=to) if e['event'] in ('delivered', 'deferred', 'bounced')], seconds)[0]
        return {'event': e['event'], **e['fields']}

    def messages(self, n=0, folder=''):
        """Files of that mailbox in new/ and cur/."""
        base = pathlib.Path(self.accounts[n]['maildir']) / folder
        return [p for d in ('new', 'cur') for p in (base / d).iterdir() if p.is_file()] if base.is_dir() else []

    def bounce(self, subject):
        """The text of the report that the first account gets about a message with that subject."""
        def look():
            for text in (f.read_text(errors='replace') for f in self.messages(0)):
                if 'multipart/report' in text and f'Subject: {subject}\n' in text:
                    return text
        return self.wait_for(look)

    def config_fault(self, change):
        """What `thurn config check` has against our configuration with that behind it, or made of it by a function."""
        with tempfile.NamedTemporaryFile('w', suffix='.conf', dir=self.top) as f:
            text = pathlib.Path(self.conf).read_text()
            f.write(change(text) if callable(change) else text + change + '\n')
            f.flush()
            r = self.tool('-c', f.name, 'config', 'check', check=False)
        assert r.returncode == 78, r.stdout + r.stderr
        return r.stderr

    def wait_for(self, what, seconds=20):
        return wait_for(what, seconds)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items):
    """With --dist loadgroup: tests that share an instance run one after another, the others wherever there is room."""
    for item in items:
        fixtures = [d for all in item._fixtureinfo.name2fixturedefs.values() for d in all if d.baseid]
        if any(d.scope != 'function' for d in fixtures):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def wait_for(what, seconds=20):
    """The first true value of what(), looked at again and again; fails after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < until, f'waited {seconds} s in vain'
        time.sleep(0.02)


@contextlib.contextmanager
def running(**kw):
    s = Suite(**kw)
    try:
        s.start()
        yield s
    finally:
        s.close()


@pytest.fixture(scope='module')
def suite():
    with running() as s:
        yield s


@pytest.fixture
def new_suite():
    """For tests with settings of their own: new_suite(conf=..., users=...)"""
    with contextlib.ExitStack() as stack:
        yield lambda **kw: stack.enter_context(running(**kw))
