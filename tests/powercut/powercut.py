#!/usr/bin/python3
"""Cuts the power right after a promise, on ext4 and XFS, and looks whether it was kept.

    powercut.py [--cycles N] [--fs ext4,xfs] [--promises accept,...] [--build DIR]

A cut is the shutdown ioctl of the file system with the log not flushed: what was not synced is gone, as after a power
failure. These promises are tested, N cuts each per file system:

    accept    the spool is on the image; a message that cannot be delivered yet is accepted; cut at the 250;
              after the restart the queue must have it, whole
    deliver   the mail directory is on the image; a message is delivered; cut when the 250 (which means delivered
              and synced, or spooled) has come; after the restart it must be in new/ or cur/, or still in the queue
    append    an IMAP APPEND is answered OK; cut; after the restart the mailbox must have it
    appending several connections append, some of them large messages; cut at a random moment; after the restart the
              mailbox must have all that were answered, and nothing that is not whole; N / 2 cuts
    account   the accounts are on the image; "thurn user" adds one, changes its password, deletes it; cut after each has
              said so; after the restart it must be so, for a login and in the change log; N / 3 cuts, as it is slow

After a cut the suite starts in a time namespace where the machine was started anew, as far as one can tell.

Needs root, loop devices and mkfs; without them it says so and counts as skipped.
"""
import argparse, ctypes, fcntl, hashlib, imaplib, json, os, pathlib, random, shutil, signal, smtplib, struct, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
INSTANCE = HERE.parent / 'instance'
SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2
SLOW = {'appending': 2, 'account': 3}  # fewer cuts of these
SIZE = {'ext4': '320M', 'xfs': '320M'}


def sh(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True)


class Image:
    """A file system in a file, mounted at `at`."""

    def __init__(self, fs, top):
        self.fs, self.file, self.at = fs, top / f'{fs}.img', top / 'mnt'
        self.at.mkdir()
        sh('truncate', '-s', SIZE[fs], self.file)
        r = sh(f'mkfs.{fs}', *(['-q', '-F'] if fs == 'ext4' else ['-q', '-f']), self.file)
        if r.returncode:
            raise OSError(r.stderr)
        self.mount()

    def mount(self):
        r = sh('mount', '-o', 'loop', self.file, self.at)
        if r.returncode:
            raise OSError(r.stderr)
        self.at.chmod(0o755)

    def cut(self):
        fd = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(fd, SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
        os.close(fd)

    def umount(self):
        for _ in range(100):
            if sh('umount', self.at).returncode == 0:
                return
            time.sleep(0.02)
        raise OSError(f'cannot unmount {self.at}')


class Rig:
    def __init__(self, fs, what, build):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-cut-'))
        self.top.chmod(0o711)
        self.build, self.what = build, what
        self.env = dict(os.environ, THURN_LIBEXEC=str(build / 'libexec'))
        self.image = Image(fs, self.top)
        where = {'accept': 'spool', 'account': 'account'}.get(what, 'mail')
        extra = f'{where}_directory = "{self.image.at}/{where}"\n'
        if what == 'accept':
            # a next hop where nobody listens: everything stays in the queue
            extra += 'relayhost = "[127.0.0.1]:9"\nremote_ports = {9}\nminimal_backoff = 1h\n'
        (self.top / 'extra.conf').write_text(extra)
        out = sh(INSTANCE, 'start', self.top / 'i', '--users', '1', '--conf', self.top / 'extra.conf', '--build', build)
        if out.returncode:
            raise RuntimeError(out.stdout + out.stderr)
        self.info, self.boots = json.loads(out.stdout), 0
        self.maildir = self.image.at / 'mail/example.test/user1/Maildir'
        os.sync()

    def thurn(self, *args, within=(), **kw):
        return subprocess.run([*within, self.build / 'bin/thurn', '-c', self.info['conf'], *args], env=self.env, capture_output=True, text=True, **kw)

    def kill(self):
        pids, todo = [], [self.info['pid']]
        while todo:
            p = todo.pop()
            pids.append(p)
            try:
                todo += [int(k) for t in os.listdir(f'/proc/{p}/task') for k in open(f'/proc/{p}/task/{t}/children').read().split()]
            except OSError:
                pass
        for p in pids:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        for _ in range(500):
            if not any(os.path.exists(f'/proc/{p}/exe') and os.access(f'/proc/{p}/exe', os.F_OK) for p in pids):
                break
            time.sleep(0.01)

    def again(self):
        self.kill()
        self.image.umount()
        self.image.mount()
        self.boots += 1
        r = self.thurn('start', within=('unshare', '--time', '--boottime', str(3600 * self.boots), '--fork'))
        if r.returncode:
            raise RuntimeError('does not start after the cut: ' + r.stdout + r.stderr)
        self.info['pid'] = next(p['pid'] for p in map(json.loads, self.thurn('status', '--json').stdout.splitlines())
                                if p.get('process') == 'master')

    def queued(self):
        return [json.loads(l) for l in self.thurn('queue', 'list', '--json').stdout.splitlines()]

    # --- the promises; each returns what is wrong, or None

    def accept(self, token):
        with smtplib.SMTP('127.0.0.1', self.info['smtp'], timeout=20) as s:
            s.sendmail('sender@client.test', [f'{token}@elsewhere.test'], f'Subject: {token}\r\n\r\n' + 'line of text\r\n' * 200)
            self.image.cut()
        self.again()
        mine, until = [], time.monotonic() + 5  # the queue serves new mail while it still reads what it has
        while not mine and time.monotonic() < until:
            mine = [q for q in self.queued() if token in json.dumps(q)]
        if len(mine) != 1:
            return f'{len(mine)} of {token} in the queue'
        text = self.thurn('queue', 'show', mine[0]['queue_id']).stdout
        return None if text.count('line of text') == 200 else f'{token} is not whole'

    def deliver(self, token):
        a = self.info['accounts'][0]
        with smtplib.SMTP('127.0.0.1', self.info['smtp'], timeout=20) as s:
            s.sendmail('sender@client.test', [a['address']], f'Subject: {token}\r\n\r\n' + 'line of text\r\n' * 200)
            self.image.cut()
        self.again()
        self.thurn('queue', 'flush')
        until = time.monotonic() + 10
        while self.queued() and time.monotonic() < until:
            time.sleep(0.02)
        found = [p for d in ('new', 'cur') for p in (self.maildir / d).iterdir() if token.encode() in p.read_bytes()]
        if len(found) != 1:
            return f'{len(found)} of {token} in the mailbox'
        return None if found[0].read_bytes().count(b'line of text') == 200 else f'{token} is not whole'

    def append(self, token):
        m = self.imap()
        r = m.append('INBOX', '(\\Flagged)', None, f'Subject: {token}\r\n\r\n'.encode() + b'line of text\r\n' * 200)
        self.image.cut()
        if r[0] != 'OK':
            return f'APPEND of {token}: {r}'
        try:
            m.shutdown()
        except OSError:
            pass
        self.again()
        m = self.imap()
        m.select()
        found = m.search(None, 'SUBJECT', token, 'FLAGGED')[1][0].split()
        if len(found) != 1:
            return f'{len(found)} of {token} by IMAP'
        text = m.fetch(found[0], '(BODY[TEXT])')[1][0][1]
        m.logout()
        return None if text.count(b'line of text') == 200 else f'{token} is not whole'

    def imap(self):
        a = self.info['accounts'][0]
        m = imaplib.IMAP4('127.0.0.1', self.info['imap'], timeout=20)
        m.login(a['address'], a['password'])
        return m

    def appending(self, token):
        answered, cut, lock = set(), threading.Event(), threading.Lock()
        connections = [self.imap() for _ in range(3)]

        def client(m, k):
            n = 0
            try:
                while not cut.is_set():
                    n += 1
                    name = f'{token}-{k}-{n}-x'
                    text = 'line of text\r\n' * random.choice([1, 200, 200, 20000])
                    mark = hashlib.sha256((name + text).encode()).hexdigest()
                    r = m.append('INBOX', None, None, f'Subject: {name}\r\n\r\n{text}{mark}\r\n'.encode())
                    if r[0] == 'OK' and not cut.is_set():  # an answer after the cut is of a kernel that has lost its disk
                        with lock:
                            answered.add(name)
            except (OSError, imaplib.IMAP4.error):
                pass

        threads = [threading.Thread(target=client, args=(m, k)) for k, m in enumerate(connections)]
        for t in threads:
            t.start()
        time.sleep(random.uniform(.02, .3))
        cut.set()
        self.image.cut()
        self.kill()
        for t in threads:
            t.join()
        self.again()
        m, found = self.imap(), set()
        m.select()
        for _, raw in (p for p in m.fetch('1:*', '(BODY[])')[1] if isinstance(p, tuple)):
            head, _, text = raw.partition(b'\r\n\r\n')
            name, text, mark = head.removeprefix(b'Subject: '), text[:-66], text[-66:-2]
            if hashlib.sha256(name + text).hexdigest().encode() != mark:
                return f'{head!r} is shown and not whole: {len(raw)} bytes'
            found.add(name.decode())
        m.store('1:*', '+FLAGS', '\\Deleted')
        m.expunge()
        m.logout()
        return f'lost: {answered - found}' if answered - found else None

    def may_login(self, address, password):
        m = imaplib.IMAP4('127.0.0.1', self.info['imap'], timeout=20)
        try:
            m.login(address, password)
            return True
        except imaplib.IMAP4.error:
            return False
        finally:
            m.shutdown()

    def account(self, token):
        """One step of a life in three, each with a cut of its own: which one is the token's number's matter."""
        n = int(token.split('-')[-2])
        action = ('add', 'passwd', 'delete')[n % 3]
        address, password = f'cut{n // 3}@example.test', f'{action} {n}'
        options = [] if action == 'delete' else ['--password-stdin']
        r = self.thurn('user', action, *options, address, input=password + '\n')
        self.image.cut()
        if r.returncode:
            return f'user {action}: {r.stdout}{r.stderr}'
        self.again()
        known = address in self.thurn('user', 'list').stdout
        if known != (action != 'delete'):
            return f'user {action} {address}: {"there" if known else "not there"} afterwards'
        if known and not self.may_login(address, password):
            return f'user {action} {address}: the password does not do'
        # a wrong password costs seconds
        if n % 6 == 1 and self.may_login(address, f'add {n - 1}'):
            return f'user {action} {address}: the old password still does'
        log = next((self.image.at / 'account').glob('*log*')).read_text()
        return None if address in log.splitlines()[-1] else f'the change log does not end with {action} {address}'

    def close(self):
        self.kill()
        try:
            self.image.umount()
        except OSError as e:
            print(e, file=sys.stderr)
        shutil.rmtree(self.top, ignore_errors=True)


def possible(fs):
    if os.geteuid() != 0:
        return 'needs root'
    if not shutil.which(f'mkfs.{fs}'):
        return f'no mkfs.{fs}'
    if not os.path.exists('/dev/loop-control'):
        return 'no loop devices'
    return None


def mounts_of_our_own():
    """A mount namespace: one that another process copies meanwhile would keep the images mounted after an umount."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), 'unshare')
    sh('mount', '--make-rprivate', '/')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--cycles', type=int, default=20)
    p.add_argument('--fs', default='ext4,xfs')
    p.add_argument('--promises', default='accept,deliver,append,appending,account')
    p.add_argument('--build', type=pathlib.Path, default=HERE.parent.parent / 'build')
    a = p.parse_args()
    os.environ['PATH'] += ':/sbin:/usr/sbin'
    passed = failed = skipped = 0
    if os.geteuid() == 0:
        mounts_of_our_own()
    for fs in a.fs.split(','):
        why = possible(fs)
        for what in a.promises.split(','):
            if why:
                print(f'{fs} {what}: skipped: {why}')
                skipped += 1
                continue
            bad, cycles = 0, max(3, a.cycles // SLOW.get(what, 1))
            rig = Rig(fs, what, a.build.resolve())
            try:
                for n in range(cycles):
                    fault = getattr(rig, what)(f'cut-{fs}-{what}-{n}-end')
                    if fault:
                        bad += 1
                        print(f'{fs} {what} {n}: {fault}', flush=True)
            except (OSError, RuntimeError, smtplib.SMTPException, imaplib.IMAP4.error) as e:
                bad += 1
                print(f'{fs} {what}: {e!r} {getattr(e, "filename", "")}', flush=True)
            finally:
                rig.close()
            print(f'{fs} {what}: {cycles} cuts, {bad} broken promises', flush=True)
            passed, failed = passed + (bad == 0), failed + (bad != 0)
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    raise SystemExit(1 if failed else 0)


if __name__ == '__main__':
    main()
