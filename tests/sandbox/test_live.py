"""The shipped programs while mail flows: what /proc says of each, and what they may do when calls are injected."""
import importlib.util, os, pathlib, platform, re, subprocess, threading
import pytest

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location('scenario', HERE.parent / 'scenario/conftest.py')
scenario = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scenario)

root_only = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
CAPS = {'deliver-maildir': (1 << 6) | (1 << 7)}  # CAP_SETGID, CAP_SETUID
# master and spawn are the privileged ones; they have the inherited deny filter
PRIVILEGED = ('master', 'spawn')
# CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT
KEPT = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 18
# what injected calls may do: DNS is asked by UDP
MEANT = {'resolver': {'socket_udp'}}
# what an open descriptor of a confined process may point to
DESCRIPTORS = re.compile(r'^(socket:\[\d+\]|anon_inode:.*|pipe:\[\d+\]|/dev/null|/memfd:.*|.*\(deleted\)|OWN.*)$')


@pytest.fixture(scope='module')
def suite():
    with scenario.running(conf='sandbox_action = refuse\n') as s:
        yield s


@pytest.fixture
def traffic(suite):
    """Mail in and an IMAP session, for as long as the test looks."""
    stop = threading.Event()

    def flow():
        n = 0
        while not stop.is_set():
            suite.send(f'flow {n}')
            n += 1

    t = threading.Thread(target=flow)
    t.start()
    m = suite.login()
    m.select()
    yield
    stop.set()
    t.join()
    m.logout()


def processes(suite):
    """(role, pid) of everything that runs, sessions included."""
    import json
    found = [(r['process'], r['pid']) for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('pid')]
    known = {p for _, p in found}
    spawn = next(p for r, p in found if r == 'spawn')
    for p in os.listdir('/proc'):
        if p.isdigit() and int(p) not in known:
            try:
                if int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1]) == spawn:
                    found.append(('imapd-session', int(p)))
            except OSError:
                pass
    return found


def status_of(pid):
    return dict(l.split(':\t', 1) for l in open(f'/proc/{pid}/status').read().splitlines() if ':\t' in l)


def test_proc(suite, traffic):
    own = {'queue': suite.spool, 'auth': suite.top / 'account', 'lookup': suite.top / 'table', 'log': suite.top / 'log', 'policy': suite.top / 'policy',
           'credentials': suite.top / 'token', 'deliver-maildir': suite.top / 'mail', 'imapd-session': suite.top / 'mail'}
    seen, uids = set(), {}
    for role, pid in processes(suite):
        s = status_of(pid)
        seen.add(role)
        assert s['Seccomp'].strip() == '2' and s['NoNewPrivs'].strip() == '1', (role, s['Seccomp'], s['NoNewPrivs'])
        if role in PRIVILEGED:
            assert int(s['CapPrm'], 16) & ~KEPT == 0 and int(s['CapBnd'], 16) & ~KEPT == 0, role
            continue
        uid = s['Uid'].split()
        if os.geteuid() == 0:
            assert '0' not in uid, role
            uids.setdefault(uid[0], set()).add(role)
            assert int(s['CapEff'], 16) == CAPS.get(role, 0), role
            assert int(s['CapPrm'], 16) == CAPS.get(role, 0), role
            assert os.readlink(f'/proc/{pid}/root') != '/', role
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                to = os.readlink(f'/proc/{pid}/fd/{fd}')
            except OSError:
                continue  # closed in the meantime
            at = own.get(role)
            to = to.replace(str(at), 'OWN') if at and to.startswith(str(at)) else to
            assert DESCRIPTORS.match(to), f'{role} has {to}'
        for line in open(f'/proc/{pid}/maps'):
            assert not ('w' in line.split()[1] and 'x' in line.split()[1]), f'{role}: {line}'
    assert len(seen) >= 12
    for uid, roles in uids.items():
        assert len(roles) == 1, f'uid {uid} is shared by {roles}'


@root_only
@pytest.mark.skipif(platform.machine() != 'x86_64', reason='injects x86-64 calls')
def test_injected_calls(suite):
    m = suite.login()
    m.select()
    inject = scenario.BUILD / 'test/sandbox/inject'
    tried = 0
    for role, pid in processes(suite):
        if role in PRIVILEGED:
            continue
        r = subprocess.run([inject, str(pid)], capture_output=True, text=True)
        if r.returncode == 4:
            continue  # it was busy just then
        assert r.returncode == 0, (role, r.stdout, r.stderr)
        worked = [l.split()[0] for l in r.stdout.splitlines() if l.split()[1] == 'ALLOWED']
        assert set(worked) <= MEANT.get(role, set()), (role, worked)
        tried += 1
    assert tried >= 8
    m.logout()
    suite.send('still fine')  # nobody was harmed


@root_only
def test_one_mailbox_user_cannot_reach_another(suite):
    """A session of user1 is made to look for user2's mail."""
    suite.send('for user2', to=[suite.accounts[1]['address']])
    m = suite.login(0)
    m.select()
    uid = {a['address']: os.stat(pathlib.Path(a['maildir']).parent).st_uid for a in suite.accounts}
    assert len(set(uid.values())) == len(uid)
    for a in suite.accounts:
        st = os.stat(pathlib.Path(a['maildir']).parent)
        assert st.st_mode & 0o077 == 0
    session = [p for r, p in processes(suite) if r == 'imapd-session']
    assert session
    home = os.readlink(f'/proc/{session[0]}/root')
    assert home == str(pathlib.Path(suite.accounts[0]['maildir']).parent)
    m.logout()
