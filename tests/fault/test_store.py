"""Every system call with which an IMAP session changes a mailbox fails once.

Whatever fails: the client hears OK or NO; OK is done and NO is not, for this session and for a new one; the session goes on,
and what failed goes through when it is tried again. A failed fsync is not repeated.
"""
import os, pathlib, re, shutil, sys
import pytest
from test_syscalls import HERE, attached, scenario

sys.path.insert(0, str(HERE.parent / 'scenario'))
from imap_client import Imap

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='attaching to the confined processes needs root'),
              pytest.mark.skipif(not shutil.which('strace'), reason='needs strace')]

MESSAGE = b'Subject: %d\r\n\r\n' + b'line of text\r\n' * 100
# what is done, what is in the mailbox Box afterwards (of 3 messages), and which calls may fail in it
ACTIONS = {
    'APPEND': (4, {'openat': 'ENOSPC EIO EMFILE', 'openat2': 'EMFILE EIO', 'write': 'ENOSPC EIO', 'utimensat': 'EIO', 'sync_file_range': 'EIO ENOSPC',
                   'renameat2': 'ENOSPC EIO', 'fsync': 'EIO ENOSPC', 'fdatasync': 'EIO', 'pwrite64': 'ENOSPC EIO', 'clone': 'EAGAIN', 'mmap': 'ENOMEM',
                   'newfstatat': 'EIO', 'fcntl': 'ENOLCK', 'sendmsg': 'EAGAIN'}),
    'COPY': (3, {'linkat': 'ENOSPC EIO', 'fsync': 'EIO', 'fdatasync': 'EIO', 'pwrite64': 'ENOSPC', 'openat2': 'EMFILE', 'fcntl': 'ENOLCK'}),
    'MOVE': (2, {'linkat': 'ENOSPC', 'renameat': 'EIO ENOSPC', 'fsync': 'EIO', 'fdatasync': 'EIO', 'pwrite64': 'ENOSPC'}),
    'STORE': (3, {'fdatasync': 'EIO', 'pwrite64': 'ENOSPC EIO', 'fcntl': 'ENOLCK', 'newfstatat': 'EIO'}),
    'EXPUNGE': (2, {'renameat': 'EIO ENOSPC', 'fdatasync': 'EIO', 'pwrite64': 'ENOSPC', 'fsync': 'EIO'}),
}
FAULTS = [(action, call, error) for action, (_, calls) in ACTIONS.items() for call, errors in calls.items() for error in errors.split()]


@pytest.fixture(scope='module')
def suite():
    s = scenario.Suite(users=1, conf='sandbox_action = refuse\n').start()
    yield s
    s.stop()
    shutil.rmtree(s.top, ignore_errors=True)


def sessions(suite):
    """The processes that serve a user."""
    def parent(pid):
        try:
            return int(pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[1])
        except OSError:
            return 0

    def ours(pid):
        while pid > 1 and pid != suite.pid:
            pid = parent(pid)
        return pid == suite.pid

    def program(pid):
        try:
            return os.path.basename(os.readlink(f'/proc/{pid}/exe'))
        except OSError:
            return ''
    return {int(p) for p in os.listdir('/proc') if p.isdigit() and program(p) == 'imapd-session' and ours(int(p))}


def act(m, action):
    if action == 'APPEND':
        return m.append(MESSAGE % 4, 'Box')
    return m.do({'COPY': 'COPY 2 Other', 'MOVE': 'MOVE 2 Other', 'STORE': 'STORE 2 +FLAGS (\\Flagged kw)', 'EXPUNGE': 'EXPUNGE'}[action])


def state(suite, m=None):
    """Of both mailboxes: subjects by UID, and what is flagged."""
    fresh, found = m or Imap(suite), {}
    for box in ('Box', 'Other'):
        assert fresh.do(f'SELECT {box}').startswith('OK')
        fresh.do('UID FETCH 1:* (FLAGS BODY.PEEK[])')
        whole = [l for l in fresh.untagged if b'BODY[]' in l]
        assert all(l.count(b'line of text') == 100 for l in whole), 'not whole'
        found[box] = {int(re.search(rb'UID (\d+)', l)[1]): (int(re.search(rb'Subject: (\d+)', l)[1]), b'\\Flagged' in l) for l in whole}
    if not m:
        fresh.close()
    return found


def done(action, there):
    """Whether it is, if there is all of it or nothing of it."""
    box, other = there['Box'], there['Other']
    assert len({n for n, _ in box.values()}) == len(box)
    signs = {'APPEND': {len(box) == 4}, 'COPY': {bool(other)}, 'MOVE': {bool(other), len(box) == 2},
             'STORE': {any(flagged for _, flagged in box.values())}, 'EXPUNGE': {len(box) == 2}}[action]
    assert len(signs) == 1, there
    return signs.pop()


@pytest.mark.parametrize('action, call, error', FAULTS)
def test_fault(suite, action, call, error):
    m = Imap(suite)
    for box in ('Box', 'Other'):
        m.do(f'DELETE {box}')
        assert m.do(f'CREATE {box}').startswith('OK')
    for n in (1, 2, 3):
        assert m.append(MESSAGE % n, 'Box').startswith('OK')
    m.do('LOGOUT')
    scenario.wait_for(lambda: not sessions(suite))
    m = Imap(suite)  # which does all for the first time
    pid, = sessions(suite)
    assert m.do('SELECT Box').startswith('OK')
    if action == 'EXPUNGE':
        assert m.do('STORE 2 +FLAGS (\\Deleted)').startswith('OK')
    with attached(suite, pid, f'{call}:error={error}:when=1') as out:
        reply = act(m, action)
    assert reply.startswith(('OK', 'NO')), (reply, out.read_text())
    assert 'INJECTED' in out.read_text(), 'it was not called'
    good = reply.startswith('OK')
    there = state(suite)
    assert done(action, there) == good, (reply, there, out.read_text())
    if call == 'fsync':
        files = re.findall(r'fsync\(\d+<([^>]*/cur/[^>]*)>', out.read_text())
        assert len(files) == len(set(files)), files
    assert m.do('NOOP').startswith('OK')
    if not good:
        assert act(m, action).startswith('OK')
    after = state(suite, m)
    assert done(action, after) and after == state(suite)
    assert len(after['Box']) == ACTIONS[action][0]
    assert not good or after == there  # the UIDs, too
    m.close()


def test_last_page_of_the_index(suite):
    """LMDB takes no more after that: what was known is known all the same, and the next change goes through at once."""
    rebuilt = len(suite.events('index-rebuilt'))
    m = Imap(suite)
    m.do('DELETE Pages')
    m.do('CREATE Pages')
    m.append(MESSAGE % 1, 'Pages')
    scenario.wait_for(lambda: len(sessions(suite)) == 1)
    pid, = sessions(suite)
    m.do('SELECT Pages')
    last = re.compile(r', 120, \d+\) = .*INJECTED')  # the others are whole pages, some of them written together
    for n in range(60):
        assert m.do('STORE 1 FLAGS (before)').startswith('OK')
        with attached(suite, pid, f'pwrite64:error=ENOSPC:when={n % 5 + 1}') as out:
            reply = m.do('STORE 1 +FLAGS (\\Draft)')
        assert reply.startswith('NO' if 'INJECTED' in out.read_text() else 'OK'), reply
        if last.search(out.read_text()):
            break
    else:
        raise AssertionError('it was never the last page')
    assert m.do('NOOP').startswith('OK')
    assert m.do('STORE 1 +FLAGS (again)').startswith('OK')
    m.do('FETCH 1 FLAGS')
    assert set(m.told(r'FLAGS \(([^)]*)\)').split()) - {'\\Recent'} == {'before', 'again'}
    assert len(suite.events('index-rebuilt')) == rebuilt
    m.close()
