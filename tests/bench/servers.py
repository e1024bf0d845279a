"""The servers that bench.py measures: Thurn, Postfix, Dovecot, and Postfix's load generator and sink.

The peers are Debian packages, installed by apt-get into roots of their own below build/bench/: /usr, /etc
and /var there are overlays of the host's, which stay as they are. bench.py runs in a mount namespace of
its own, so nothing is mounted anywhere else, and nothing stays mounted. What a server writes while it is
measured (mail, queue, logs) lies in a file system of its own (volume.py), /disk in the root of a peer.
"""
import json, os, pathlib, re, signal, socket, subprocess, sys, time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests'))
import peers
from certificates import Authority
import volume
from volume import Volume

BUILD = pathlib.Path(os.environ.get('THURN_BUILD', TOP / 'build')).resolve()
CAP = 20  # deliveries at once to one destination that came back, for all servers
HOME = TOP / 'build/bench'
MAIL_UID = 5000  # of the mailboxes of all servers, when root runs this
ROOT = os.geteuid() == 0


class Unfit(Exception):
    """something this machine cannot do"""


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(what, seconds, probe, pause=.02):
    end = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > end:
            raise RuntimeError(f'{what}: not within {seconds} s')
        time.sleep(pause)


def answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except OSError:
        return False


def give(path):
    """path and all below it to the owner of the mailboxes"""
    if ROOT:
        subprocess.run(['chown', '-R', f'{MAIL_UID}:{MAIL_UID}', path], check=True, timeout=120)


class Group:
    """CPU time, memory and end of everything a server starts: a control group (version 1 or 2)."""

    def __init__(self, name):
        top = pathlib.Path('/sys/fs/cgroup')
        self.v1 = (top / 'cpuacct').is_dir()
        self.path = (top / 'cpuacct' if self.v1 else top) / f'thurn-bench-{os.getpid()}-{name}'
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as e:
            raise Unfit(f'no control group can be made ({e.strerror})')

    def enter(self):
        (self.path / 'cgroup.procs').write_text(str(os.getpid()))

    def pids(self):
        return [int(p) for p in (self.path / 'cgroup.procs').read_text().split()]

    def cpu(self):
        """seconds"""
        if self.v1:
            return int((self.path / 'cpuacct.usage').read_text()) / 1e9
        return int(re.search(r'usage_usec (\d+)', (self.path / 'cpu.stat').read_text())[1]) / 1e6

    def end(self):
        for sig in (signal.SIGTERM, signal.SIGKILL):
            for _ in range(60):
                for p in self.pids():
                    try:
                        os.kill(p, sig)
                    except ProcessLookupError:
                        pass
                if not self.pids():
                    return
                time.sleep(.05)

    def remove(self):
        self.end()
        self.path.rmdir()


class Family:
    """The same without control groups, for Thurn, whose processes stay as long as the instance does."""

    def __init__(self, name):
        self.top = None

    def enter(self):
        pass

    def pids(self):
        children, found, todo = {}, [], [self.top]
        for p in filter(str.isdigit, os.listdir('/proc')):
            try:
                children.setdefault(int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1]), []).append(int(p))
            except OSError:
                pass
        while todo:
            found.append(todo.pop())
            todo += children.get(found[-1], [])
        return found

    def cpu(self):
        total = 0
        for p in self.pids():
            for t in pathlib.Path(f'/proc/{p}/task').glob('*/schedstat'):
                try:
                    total += int(t.read_text().split()[0])
                except OSError:
                    pass
        return total / 1e9

    def end(self):
        pass

    remove = end


def memory(pids):
    """kB: memory that only these processes have, and their shares of what others have too"""
    total = 0
    for p in pids:
        try:
            total += int(re.search(r'^Pss:\s+(\d+)', open(f'/proc/{p}/smaps_rollup').read(), re.M)[1])
        except OSError:
            pass
    return total


class Server:
    """What bench.py needs of one; start() returns when it answers."""
    account = ('bench', 'bench')
    rcpt = 'bench@example.test'
    size, inodes = volume.SIZE, volume.INODES

    def __init__(self, at, sink):
        self.sink, self.up = sink, False
        self.group = (Group if ROOT else Family)(self.name)
        self.volume = Volume(HOME / f'{self.name}.img', at, self.size, self.inodes)
        self.maildir = at / 'mail/bench/Maildir'

    def restart(self, mode, fresh=True):
        self.stop()
        if fresh:
            self.volume.fresh()
            for d in ('new', 'cur', 'tmp'):
                (self.maildir / d).mkdir(parents=True, exist_ok=True)
            give(self.maildir.parent)
        self.up = True
        self.start(mode)

    def stop(self):
        if self.up:
            try:
                self.finish()
            finally:
                self.group.end()
                self.up = False

    def run(self, *command, check=True, timeout=60, **kw):
        return subprocess.run([str(c) for c in command], check=check, timeout=timeout, stdin=subprocess.DEVNULL,
                              preexec_fn=self.group.enter, **kw)


# what Thurn is told besides, by mode
MODES = {
    'drain': f'destination_concurrency = {CAP}\n',
    'sessions': 'remote_connections = 5000\ndestination_concurrency = 5000\ndestination_concurrency_start = 5000\n'
                'destination_recipients = 1\n',
}


class Thurn(Server):
    account = ('user1@example.test', 'secret-1')
    rcpt = 'user1@example.test'

    def __init__(self, scratch, sink, name='thurn', build=BUILD):
        self.name, self.build = name, build
        super().__init__(scratch / name, sink)
        self.at = self.volume.at
        self.maildir = self.at / 'mail/example.test/user1/Maildir'
        self.settings = scratch / 'thurn.settings'
        own = f'mailbox_uid = {MAIL_UID}\nmailbox_uid_min = {MAIL_UID}\nmailbox_uid_max = {MAIL_UID}\n' if ROOT else ''
        self.common = ('log_format = text\nsmtp_client_connections = 0\n' + own +
                                 'submission_plaintext_auth = yes\nsasl_mechanisms = {"SCRAM-SHA-256", "PLAIN"}\n' +
                                 f'relayhost = "[127.0.0.1]:{sink}"\nremote_ports = {{"{sink}"}}\n')

    def start(self, mode):
        self.settings.write_text(self.common + MODES.get(mode, ''))
        known = (self.at / 'thurn.conf').exists()
        r = self.run(sys.executable, TOP / 'tests/instance', 'start', self.at, '--users', 0 if known else 1, '--conf',
                     self.settings, '--build', self.build, check=False, capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError('Thurn does not start: ' + r.stderr[-300:])
        about = json.loads(r.stdout)
        self.smtp, self.imap, self.group.top = about['smtp'], about['imap'], about['pid']
        self.submission, self.smtps, self.imaps, self.ca = (about[k] for k in ('submission', 'submissions', 'imaps', 'ca'))

    def again(self):
        """As it was before stop(), by its own command, so that nothing else is in the time that it takes."""
        self.up = True
        self.run(self.build / 'bin/thurn', '-c', self.at / 'thurn.conf', 'start', env=self.env())

    def env(self):
        return dict(os.environ, THURN_LIBEXEC=str(self.build / 'libexec'))

    def command(self, *args):
        return subprocess.run([self.build / 'bin/thurn', '-c', self.at / 'thurn.conf', *args], env=self.env(), timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def deferred(self):
        m = re.search(r'deferred +(\d+)', self.command('queue', 'list', '--summary').stdout)
        return int(m[1]) if m else 0

    def flush(self):
        self.command('queue', 'flush')

    def finish(self):
        r = self.run(sys.executable, TOP / 'tests/instance', 'stop', self.at, '--build', self.build, check=False,
                     capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError('Thurn has not ended well: ' + r.stderr[-300:])


class Peer(Server):
    """A server in a root of its own."""

    def __init__(self, scratch, sink):
        self.root = HOME / self.name
        self.mount()
        if not (self.root / self.binary.lstrip('/')).exists():
            print(f'installing {" ".join(self.packages)} into {self.root.relative_to(TOP)}', flush=True)
            self.group = Group(self.name)
            self.install()
        super().__init__(self.root / 'disk', sink)

    def mount(self):
        for d in ('proc', 'dev', 'tmp', 'run', 'root', 'disk', 'usr', 'etc', 'var'):
            (self.root / d).mkdir(parents=True, exist_ok=True)
        (self.root / 'tmp').chmod(0o1777)
        for d in ('bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'):
            if os.path.islink('/' + d) and not os.path.lexists(self.root / d):
                (self.root / d).symlink_to('usr/' + d)
        mounts = []
        for d in ('usr', 'etc', 'var'):
            for part in ('upper', 'work'):
                (HOME / f'{self.name}.{part}' / d).mkdir(parents=True, exist_ok=True)
            layers = f'lowerdir=/{d},upperdir={HOME}/{self.name}.upper/{d},workdir={HOME}/{self.name}.work/{d}'
            mounts.append(['-t', 'overlay', 'overlay', '-o', layers, self.root / d])
        mounts += [['-t', 'proc', 'proc', self.root / 'proc'], ['--rbind', '/dev', self.root / 'dev'],
                   ['-t', 'tmpfs', 'tmpfs', self.root / 'run']]
        for m in mounts:
            r = subprocess.run(['mount', *m], capture_output=True, text=True, timeout=30)
            if r.returncode:
                raise Unfit(f'no private root for {self.name}: {r.stderr.strip()}')

    def inside(self, *command, **kw):
        return self.run('chroot', self.root, *command, **kw)

    def install(self):
        no_start = self.root / 'usr/sbin/policy-rc.d'
        no_start.write_text('#!/bin/sh\nexit 101\n')
        no_start.chmod(0o755)
        apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-o', 'DPkg::Lock::Timeout=60', '-qq', '-y']
        log = open(HOME / f'{self.name}.install.log', 'w')
        for step in ([*apt, 'install', '--no-install-recommends', *self.packages], [*apt, 'update']) * 2:
            r = self.inside(*step, check=False, timeout=300, stdout=log, stderr=log)
            if r.returncode == 0 and 'install' in step:
                return
        raise Unfit(f'{self.name} cannot be installed: see {log.name}')


class Postfix(Peer):
    name = 'postfix'
    packages, binary = ['postfix'], '/usr/sbin/postfix'

    def deferred(self):
        return sum(len(files) for _, _, files in os.walk(self.volume.at / 'queue/deferred'))

    def flush(self):
        self.inside('postqueue', '-f')

    def start(self, mode):
        self.smtp, self.smtps = free_port(), free_port()
        # processes, when many connections are to be held; destination concurrency and flow: tuned for throughput
        processes = mode if isinstance(mode, int) else 200
        (self.root / 'etc/postfix/main.cf').write_text(f"""\
compatibility_level = 3.6
queue_directory = /disk/queue
data_directory = /disk/data
myhostname = mx.example.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = example.test
virtual_mailbox_base = /disk/mail
virtual_mailbox_maps = static:bench/Maildir/
virtual_uid_maps = static:{MAIL_UID}
virtual_gid_maps = static:{MAIL_UID}
virtual_mailbox_limit = 0
relayhost = [127.0.0.1]:{self.sink}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_timeout = 600
smtp_tls_security_level = none
default_process_limit = {processes}
default_destination_concurrency_limit = 50
virtual_destination_concurrency_limit = 50
initial_destination_concurrency = 20
in_flow_delay = 0
maillog_file = /disk/mail.log
maillog_file_prefixes = /disk
""")
        table = (self.root / 'usr/share/postfix/master.cf.dist').read_text()
        table = re.sub(r'(?m)^smtp +inet.*', f'127.0.0.1:{self.smtp} inet n - n - {processes} smtpd', table)
        table = re.sub(r'(?m)^(\w+ +\w+ +\S +\S +)y ', r'\1n ', table)
        if mode == 'drain':
            with open(self.root / 'etc/postfix/main.cf', 'a') as f:
                f.write(f'default_destination_concurrency_limit = {CAP}\n')
        if mode == 'relay-tls':  # sessions resumed, connections kept
            with open(self.root / 'etc/postfix/main.cf', 'a') as f:
                f.write('smtp_tls_security_level = may\nsmtp_tls_connection_reuse = yes\n'
                        'smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\n')
            table += 'tlsproxy unix - - n - 0 tlsproxy\n'
        if mode == 'tls':
            self.offer_tls()
            table += f'127.0.0.1:{self.smtps} inet n - n - {processes} smtpd -o smtpd_tls_wrappermode=yes\n'
        (self.root / 'etc/postfix/master.cf').write_text(table)
        (self.volume.at / 'queue').mkdir(exist_ok=True)
        (self.volume.at / 'data').mkdir(exist_ok=True)
        self.inside('chown', 'postfix', '/disk/data')
        self.inside('postfix', 'start', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for('Postfix', 20, lambda: answers(self.smtp))

    def offer_tls(self):
        """with the best key for it, tickets and a session cache"""
        Authority(self.volume.at / 'tls').issue('mx', ['mx.example.test'])
        with open(self.root / 'etc/postfix/main.cf', 'a') as f:
            f.write("""\
smtpd_tls_security_level = may
smtpd_tls_chain_files = /disk/tls/mx.key, /disk/tls/mx.pem
smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
""")

    def finish(self):
        self.inside('postfix', 'stop', check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Dovecot(Peer):
    name = 'dovecot'
    packages, binary = ['dovecot-imapd'], '/usr/sbin/dovecot'

    def start(self, mode):
        self.imap = free_port()
        (self.volume.at / 'passwd').write_text('bench:{PLAIN}bench\n')
        # as a busy site would run it: login processes that stay, mail processes that are used again
        (self.volume.at / 'dovecot.conf').write_text(f"""\
protocols = imap
listen = 127.0.0.1
log_path = /disk/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:/disk/mail/%n/Maildir
mail_max_userip_connections = 0
first_valid_uid = {MAIL_UID}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN /disk/passwd
}}
userdb {{
  driver = static
  args = uid={MAIL_UID} gid={MAIL_UID} home=/disk/mail/%n
}}
namespace inbox {{
  inbox = yes
}}
default_vsz_limit = 1G
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 8000
  inet_listener imap {{
    port = {self.imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  process_min_avail = 4
  service_count = 256
}}
service anvil {{
  client_limit = 20000
}}
service auth {{
  client_limit = 20000
}}
service stats {{
  client_limit = 20000
}}
""")
        self.inside('dovecot', '-c', '/disk/dovecot.conf', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for('Dovecot', 20, lambda: answers(self.imap))

    def finish(self):
        self.inside('doveadm', '-c', '/disk/dovecot.conf', 'stop', check=False, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)


class Load:
    """smtp-source and smtp-sink: unpacked, not installed, so that they are there without root too. A sink with TLS is our own."""

    def __init__(self, scratch):
        self.where = peers.root('postfix')
        if not self.where:
            raise Unfit('no smtp-source: the Debian package postfix cannot be fetched')
        self.env = peers.run_env(self.where)
        self.port, self.sink, self.counters, self.tls = free_port(), None, scratch / 'sink', scratch / 'sink-tls'

    def source(self, port, rcpt, n, kept, seconds=120, rcpts=1):
        """n messages of 4 KB over 20 sessions, a connection for each message unless kept"""
        r = subprocess.run([self.where / 'usr/sbin/smtp-source', '-4', '-s', '20', '-m', str(n), '-l', '4096', '-r', str(rcpts), '-f',
                            'load@client.test', '-t', rcpt, *(['-d'] if kept else []), f'127.0.0.1:{port}'],
                           env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
        if r.returncode:
            raise RuntimeError('smtp-source: ' + r.stderr[-200:])

    def sink_start(self, *options, tls=False):
        if tls:
            chain, key = Authority(self.tls).issue('sink', ['sink.test'])
            self.sink = subprocess.Popen([BUILD / 'test/bench/sink', str(self.port), chain, key], stdin=subprocess.DEVNULL,
                                         stdout=open(self.counters, 'wb'))
            wait_for('the sink', 5, lambda: answers(self.port))
        elif not self.sink:
            self.sink = subprocess.Popen([self.where / 'usr/sbin/smtp-sink', '-4', '-c', *(['-u', 'nobody'] if ROOT else []),
                                          *options, f'127.0.0.1:{self.port}', '1024'], env=self.env, stdin=subprocess.DEVNULL,
                                         stdout=open(self.counters, 'wb'), stderr=subprocess.DEVNULL)
            wait_for('smtp-sink', 5, lambda: answers(self.port))

    def sunk(self):
        """messages that the sink has got: it prints a running count"""
        with open(self.counters, 'rb') as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 200))
            seen = re.findall(rb'mesg=(\d+)', f.read())
        return int(seen[-1]) if seen else 0

    def end(self):
        if self.sink:
            self.sink.terminate()
            self.sink.wait(5)
            self.sink = None
