"""Several sessions of one account at once: what each is told must be what is there.

Every session keeps a model of its mailbox out of the untagged responses alone, as a client does, and fails on
anything that RFC 3501 7.4.1 forbids. Between rounds all models must agree with each other, with a fresh session,
and with a client that asks only for what has changed (RFC 7162).
"""
import random, threading, time
import pytest
from imap_model import FLAGS, MESSAGE, Session


def some_set(rnd, session, uid):
    if uid:
        known = [u for u in session.uids if u] or [1]
        return ','.join(str(rnd.choice(known)) for _ in range(rnd.randint(1, 4)))
    n = len(session.uids)
    return ','.join(f'{rnd.randint(1, n)}:{rnd.randint(1, n)}' if rnd.random() < .5 else str(rnd.randint(1, n))
                    for _ in range(rnd.randint(1, 3)))


# weight, what to send; {s} = message numbers, {u} = UIDs, {f} = a flag, {F} = some flags
STEPS = [(12, 'APPEND'), (18, 'STORE {s} {o}FLAGS{q} ({F})'), (12, 'UID STORE {u} {o}FLAGS ({f})'),
         (8, 'FETCH {s} (UID FLAGS BODY.PEEK[])'), (6, 'UID FETCH {u} (FLAGS ENVELOPE)'), (4, 'SEARCH DELETED'),
         (4, 'UID SEARCH SUBJECT 1'), (6, 'EXPUNGE'), (4, 'UID EXPUNGE {u}'), (3, 'COPY {s} {box}'),
         (2, 'UID COPY {u} {other}'), (3, 'UID MOVE {u} {box}'), (2, 'MOVE {s} {other}'), (2, 'CHECK'),
         (2, 'FETCH 1:* (UID FLAGS)'), (10, 'NOOP')]


def step(rnd, session, box, other):
    text = rnd.choices([t for _, t in STEPS], [w for w, _ in STEPS])[0]
    if ('{s}' in text and not session.uids) or ('COPY' in text and len(session.uids) > 80):
        text = 'NOOP'
    if text == 'APPEND':
        content = MESSAGE % rnd.randrange(10**9)
        status, line = session.command(f'APPEND {box} ({rnd.choice(FLAGS)}) {{{len(content)}+}}', content)
    else:
        text = text.format(s='{s}' in text and some_set(rnd, session, False), u=some_set(rnd, session, True),
                           f=rnd.choice(FLAGS), F=' '.join(rnd.sample(FLAGS, rnd.randint(0, 2))),
                           o=rnd.choice(['+', '-', '']), q=rnd.choice(['', '.SILENT']), box=box, other=other)
        if 'SILENT' in text:
            session.flags = {}  # a client would work them out itself
        status, line = session.command(text)
    # a message may have been expunged elsewhere; nothing else may go wrong
    session.check(status == 'OK' or (status == 'NO' and b'EXPUNGEISSUED' in line), line)


def agree(suite, sessions, box):
    for _ in range(2):
        for s in sessions:
            s.command('NOOP')
    views = [s.look() for s in sessions]
    fresh = Session(suite, 'fresh')
    fresh.select(box)
    views.append(fresh.look())
    fresh.command('LOGOUT')
    assert all(v == views[0] for v in views[1:]), views


def mailbox(suite, name):
    sessions = [Session(suite, n) for n in 'abc']
    sessions[0].command(f'CREATE {name}')
    sessions[0].command(f'CREATE {name}-other')
    for i in range(20):
        content = MESSAGE % i
        sessions[0].command(f'APPEND {name} {{{len(content)}+}}', content)
    for s in sessions:
        s.select(name)
        s.look()
    return sessions


@pytest.mark.parametrize('seed', [1, 2])
def test_in_turn(suite, seed):
    box, rnd = f'turn{seed}', random.Random(seed)
    sessions = mailbox(suite, box)
    for _ in range(8):
        for _ in range(30):
            step(rnd, rnd.choice(sessions), box, box + '-other')
        agree(suite, sessions, box)


@pytest.mark.parametrize('seed', [1, 2])
def test_in_parallel(suite, seed):
    box = f'parallel{seed}'
    sessions = mailbox(suite, box)
    failures = []

    def run(session, rnd):
        try:
            for _ in range(60):
                step(rnd, session, box, box + '-other')
        except BaseException as e:
            failures.append(e)

    for turn in range(3):
        threads = [threading.Thread(target=run, args=(s, random.Random(f'{seed}.{turn}.{s.name}'))) for s in sessions]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures, failures[0]
        agree(suite, sessions, box)


def test_changed_since(suite):
    """A client that was away asks for what is new, and then knows everything."""
    box, rnd = 'away', random.Random(5)
    sessions = mailbox(suite, box)
    away = Session(suite, 'away')
    for _ in range(5):
        away.select(box, ' (CONDSTORE)')
        away.look()
        known, since = dict(away.flags), away.modseq
        away.command('UNSELECT')
        for _ in range(25):
            step(rnd, rnd.choice(sessions), box, box + '-other')
        away.select(box, ' (CONDSTORE)')
        away.command('UID SEARCH ALL')
        away.command('UID FETCH 1:* (UID)')
        away.flags = {u: f for u, f in known.items() if u in away.uids}
        away.command(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since})')
        away.look()


def test_idle_is_told_at_once(suite):
    watcher, other = Session(suite, 'w', 1), Session(suite, 'o', 1)
    watcher.select('INBOX')
    other.select('INBOX')
    watcher.socket.sendall(b'i IDLE\r\n')
    assert watcher.line().startswith(b'+')
    slowest = 0
    for i in range(10):
        content = MESSAGE % i
        other.command(f'APPEND INBOX {{{len(content)}+}}', content)
        start = time.monotonic()
        assert watcher.line() == b'* %d EXISTS' % (i + 1)
        assert watcher.line().endswith(b' RECENT')
        slowest = max(slowest, time.monotonic() - start)
        other.command(f'STORE {i + 1} +FLAGS (\\Flagged)')
        assert b'FETCH (FLAGS (\\Flagged' in watcher.line()
    assert slowest < 0.1
    other.command('STORE 1 +FLAGS (\\Deleted)')
    watcher.line()
    other.command('EXPUNGE')
    assert watcher.line() == b'* 1 EXPUNGE'
    watcher.socket.sendall(b'DONE\r\n')
    assert watcher.line().startswith(b'i OK')
