"""As on a real host: make install by root, a uid per process, ports 25 and 143; in namespaces that nobody else sees.

What it writes lies over the machine's own /etc, /usr and /var, and goes with the namespace.
"""
import json, os, pathlib, re, shutil, subprocess
import pytest
from conftest import TESTS, wait_for

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'),
              pytest.mark.skipif(not shutil.which('systemd-sysusers'), reason='needs systemd-sysusers')]

ENTER = '''set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs {top}
for d in etc usr var; do
    mkdir {top}/$d {top}/$d.work
    mount -t overlay -o lowerdir=/$d,upperdir={top}/$d,workdir={top}/$d.work overlay /$d
done
rm -rf /etc/thurn
mount -t tmpfs -o mode=755 tmpfs /run
make -s -C {source} install
systemd-sysusers /usr/lib/sysusers.d/thurn.conf
systemd-tmpfiles --create /usr/lib/tmpfiles.d/thurn.conf
{python} -c '
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
'
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
echo ready
exec sleep 600
'''


class Host:
    def __init__(self, top):
        script = ENTER.format(top=top, source=TESTS.parent, python='/usr/bin/python3')
        self.init = subprocess.Popen(['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc',
                                      'sh', '-c', script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        while (line := self.init.stdout.readline()) not in ('ready\n', ''):
            said.append(line)
        if line == '':
            pytest.skip('no host of our own: ' + ''.join(said[-3:]))
        self.pid = pathlib.Path(f'/proc/{self.init.pid}/task/{self.init.pid}/children').read_text().strip()

    def run(self, *args, check=True, **kw):
        env = {'PATH': '/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8'}
        return subprocess.run(['nsenter', '-t', self.pid, '-m', '-n', '-p', *args], env=env, check=check, capture_output=True, text=True, timeout=60, **kw)

    def file(self, path):
        return pathlib.Path(f'/proc/{self.pid}/root{path}')

    def processes(self):
        rows = map(json.loads, self.run('thurn', 'status', '--json').stdout.splitlines())
        return {(r['process'], r.get('instance')): r for r in rows if r.get('process')}

    def mail(self, sender, rcpt, subject):
        self.run('curl', '-sS', 'smtp://127.0.0.1:25', '--mail-from', sender, '--mail-rcpt', rcpt, '--upload-file', '-',
                 input=f'Subject: {subject}\r\n\r\nbody\r\n')

    def finds(self, user, password, subject):
        answer = self.run('curl', '-sS', 'imap://127.0.0.1:143/INBOX', '-u', f'{user}:{password}', '-X', f'SEARCH SUBJECT "{subject}"')
        return re.findall(r'\d+', answer.stdout)

    def close(self):
        self.init.kill()
        self.init.wait()


@pytest.fixture(scope='module')
def host(tmp_path_factory):
    h = Host(tmp_path_factory.mktemp('host'))
    yield h
    h.close()


def test_first_start(host):
    """What INSTALL says, and no more."""
    assert host.run('thurn', 'config', 'check').returncode == 0
    host.run('thurn', 'start')
    rows = host.processes()
    uids = {name: r['uid'] for (name, _), r in rows.items()}
    own = {n: u for n, u in uids.items() if n not in ('master', 'spawn')}
    assert 0 not in own.values() and len(set(own.values())) == len(own) and uids['master'] == uids['spawn'] == 0
    assert all('chroot' in r['layers'] and 'seccomp' in r['layers'] for (n, _), r in rows.items() if n in own)
    host.run('thurn', 'user', 'add', '--password-stdin', 'alice@example.org', input='secret\n')
    host.mail('bob@client.test', 'alice@example.org', 'first')
    wait_for(lambda: host.finds('alice@example.org', 'secret', 'first') == ['1'])


def test_mail_of_the_host(host):
    """Mail to root, and to the postmaster of every domain (RFC 5321 4.5.1), has a reader from the beginning."""
    host.run('newaliases')
    # the new table is looked at within a second
    wait_for(lambda: host.run('sendmail', 'root', input='Subject: from cron\n\nbody\n', check=False).returncode == 0)
    for to in ('postmaster', 'Postmaster@example.org', 'postmaster@mx.example.org'):
        host.mail('bob@client.test', to, f'for {to}')
        wait_for(lambda: host.finds('alice@example.org', 'secret', f'for {to}'))
    wait_for(lambda: host.finds('alice@example.org', 'secret', 'from cron'))
    assert 'empty' in host.run('mailq').stdout


def test_reload(host):
    conf = host.file('/etc/thurn/thurn.conf')
    good, before = conf.read_text(), host.processes()
    conf.write_text(good + 'no_such_setting = 1\n')
    r = host.run('thurn', 'reload', check=False)
    assert r.returncode != 0 and f'thurn.conf:{len(good.splitlines()) + 1}:' in r.stderr
    r = host.run('thurn', 'queue', 'list')  # the running suite can be talked to as before
    assert 'faulty' in r.stderr and 'empty' in r.stdout
    conf.unlink()
    r = host.run('thurn', 'queue', 'list')
    assert 'thurn.conf does not exist:' in r.stderr and 'empty' in r.stdout
    conf.write_text(good)
    assert {k: r['pid'] for k, r in host.processes().items()} == {k: r['pid'] for k, r in before.items()}
    conf.write_text(good + 'listener other { service = smtp address = { 127.0.0.1 } port = 26 }\n')
    host.run('thurn', 'reload')
    host.run('curl', '-sS', 'smtp://127.0.0.1:26', '-X', 'NOOP')
    host.mail('bob@client.test', 'alice@example.org', 'after the reload')
    wait_for(lambda: host.finds('alice@example.org', 'secret', 'after the reload'))


def test_what_is_installed(host):
    assert not [p for p in host.file('/usr/local').rglob('*') if p.is_file() and p.stat().st_mode & 0o6000]
    for page in ('man8/thurn.8', 'man5/thurn.conf.5', 'man1/thurn-map.1'):
        assert host.file('/usr/local/share/man/' + page).is_file()
    assert '/usr/local/bin/thurn start --foreground' in host.file('/lib/systemd/system/thurn.service').read_text()


def test_within_the_bounds_of_the_unit(host):
    """The capabilities that the unit leaves are all that it needs, and the right to give some up is none of them."""
    unit = host.file('/lib/systemd/system/thurn.service').read_text()
    caps = re.search(r'^CapabilityBoundingSet=(.*)', unit, re.M)[1].lower().replace('cap_', '+').split()
    host.run('thurn', 'stop')
    host.run('setpriv', '--bounding-set', ','.join(['-all', *caps]), '--no-new-privs', 'thurn', 'start')
    host.mail('bob@client.test', 'alice@example.org', 'bounded')
    wait_for(lambda: host.finds('alice@example.org', 'secret', 'bounded'))


def test_stop(host):
    pids = [r['pid'] for r in host.processes().values()]
    host.run('thurn', 'stop')
    # the init of that host waits for nobody
    left = [stat.read_text() for p in pids if (stat := host.file(f'/proc/{p}/stat')).exists()]
    assert not [s for s in left if ') Z ' not in s]
    assert host.run('thurn', 'status', check=False).returncode != 0
    host.run('thurn', 'start')
    assert host.finds('alice@example.org', 'secret', 'first') == ['1']
    host.run('thurn', 'stop')
