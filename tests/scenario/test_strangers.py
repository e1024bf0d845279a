"""What other users of the host can do to the suite by its sockets and directories."""
import array, os, shutil, socket, struct, threading
import pytest
import conftest
from instances import Failed

root_only = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
NOBODY = 65534
SO_PASSRIGHTS = 83
ACCOUNT_LIST = 0x080c


def as_nobody(fn):
    """Runs fn in a process of another user; what it returns (a number below 100) comes back."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os._exit(fn())
        except BaseException:
            os._exit(100)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def control(suite, name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    s.connect(os.path.join(suite.run, name))
    return s


def packet(kind, body=b'', ident=1, nfds=0):
    return struct.pack('<BBHIIII', 1, 0, kind, ident, 1, len(body), nfds) + body


@root_only
def test_strangers_do_not_keep_the_owner_out(suite):
    ready, done = os.pipe(), os.pipe()

    def occupy():
        held = [control(suite, 'queue') for _ in range(60)]
        os.write(ready[1], b'x')
        os.read(done[0], 1)
        return len(held)

    t = threading.Thread(target=as_nobody, args=(occupy,))
    t.start()
    os.read(ready[0], 1)
    try:
        assert suite.tool('queue', 'list').returncode == 0
    finally:
        os.write(done[1], b'x')
        t.join()


@root_only
def test_only_the_owner_reaches_accounts_and_master(suite):
    def accounts():
        s = control(suite, 'accounts')
        try:
            s.send(packet(ACCOUNT_LIST))
            return len(s.recv(100))
        except OSError:
            return 0

    def master():
        try:
            control(suite, 'control')
        except PermissionError:
            return 7
        return 8

    assert as_nobody(accounts) == 0
    assert as_nobody(master) == 7


def test_no_descriptors_through_control_sockets(suite):
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        probe.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
    except OSError:
        pytest.skip('this kernel cannot refuse them')
    for name in ('queue', 'accounts', 'control'):
        s = control(suite, name)
        with pytest.raises(OSError):
            s.sendmsg([packet(1, nfds=1)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0]))])


@pytest.mark.parametrize('wrong', ['owner', 'mode'])
def test_run_directory_of_somebody_else(tmp_path, wrong):
    """Its sockets, and the empty root of the confined, could be exchanged."""
    if wrong == 'owner' and os.geteuid() != 0:
        pytest.skip('needs root')
    s = conftest.Suite(users=0)
    run = s.top / 'run'
    run.mkdir(mode=0o755)
    if wrong == 'owner':
        os.chown(run, NOBODY, NOBODY)
    else:
        run.chmod(0o777)
    try:
        with pytest.raises(Failed, match='belongs to uid' if wrong == 'owner' else 'others may write'):
            s.start()
    finally:
        shutil.rmtree(s.top, ignore_errors=True)


@root_only
def test_configuration_that_others_may_write():
    """Root would do what they write."""
    s = conftest.Suite(users=0)
    conf = s.top / 'c.conf'
    try:
        for prepare in (lambda: conf.chmod(0o664), lambda: (conf.chmod(0o644), os.chown(conf, NOBODY, 0))):
            conf.write_text('hostname = "mx.example.test"\n')
            prepare()
            s.conf = str(conf)
            out = s.tool('config', 'get', 'hostname', check=False)
            assert out.returncode != 0 and 'others than root may write to it' in out.stderr
    finally:
        shutil.rmtree(s.top, ignore_errors=True)


def test_only_sockets_are_replaced_by_sockets():
    s = conftest.Suite(users=0)
    precious = s.top / 'precious'
    precious.write_text('data')
    s.extra.write_text(f'listener submit {{ service = local path = "{precious}" }}\n')
    try:
        with pytest.raises(Failed, match='File exists'):
            s.start()
        assert precious.read_text() == 'data'
    finally:
        shutil.rmtree(s.top, ignore_errors=True)
