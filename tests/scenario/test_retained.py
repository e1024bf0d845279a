"""A taken-over smtpd keeps the descriptors of bodies that it has handed in: what was accepted must stay as it is."""
import ctypes, errno, json, mmap, os, smtplib, time
import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='takes descriptors out of processes')
PIDFD_GETFD = 438


def descriptors(suite, what):
    """Copies of all descriptors of the smtpd processes whose name holds that."""
    records = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for pid in [r['pid'] for r in records if r.get('process') == 'smtpd']:
        pidfd = os.pidfd_open(pid)
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                if what in os.readlink(f'/proc/{pid}/fd/{fd}'):
                    found.append(libc.syscall(PIDFD_GETFD, pidfd, int(fd), 0))
            except FileNotFoundError:
                pass
        os.close(pidfd)
    assert found and min(found) >= 0
    return found


def delivered(suite, subject):
    def look():
        return [t for t in (p.read_text() for p in suite.messages()) if f'Subject: {subject}\n' in t]
    return suite.wait_for(look)[0]


def test_memory_is_sealed(suite):
    kept = descriptors(suite, 'memfd:body')
    suite.send('sealed', body='as it was')
    refused = 0
    for fd in kept:
        try:
            os.pwrite(fd, b'evil', 0)
        except OSError as e:
            assert e.errno == errno.EPERM
            refused += 1
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
        os.close(fd)
    assert refused == 1  # the one that was used; nobody has promised anything about the others
    assert delivered(suite, 'sealed').endswith('\n\nas it was\n')


def test_memory_that_is_mapped_is_not_taken(suite):
    maps = []
    for fd in descriptors(suite, 'memfd:body'):
        maps.append(mmap.mmap(fd, 1))
        os.close(fd)
    with pytest.raises(smtplib.SMTPDataError) as e:
        for _ in range(len(maps)):
            suite.send('mapped')
    assert e.value.smtp_code == 451
    for m in maps:
        m.close()
    suite.wait_for(lambda: suite.send('after it') == {})
    delivered(suite, 'after it')


def test_a_large_body_only_grows(suite):
    line = b'0123456789' * 7 + b'\r\n'
    with suite.smtp_client() as s:
        s.ehlo('client.test')
        s.mail('sender@client.test')
        s.rcpt(suite.accounts[0]['address'])
        assert s.docmd('DATA')[0] == 354
        s.sock.sendall(b'Subject: large\r\n\r\n' + line * 10000)
        time.sleep(0.3)
        kept = descriptors(suite, suite.spool)
        s.sock.sendall(b'.\r\n')
        assert s.getreply()[0] == 250
    for fd in kept:
        with pytest.raises(OSError):
            mmap.mmap(fd, 1)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, b'evil' * 1000)
        with pytest.raises(OSError):
            os.read(fd, 1)
        os.close(fd)
    text = delivered(suite, 'large')
    assert 'evil' not in text and text.count('0123456789' * 7 + '\n') == 10000


def test_memory_does_not_grow(suite):
    """What a body may hold in memory is held from the beginning: no descriptor of one takes a byte more."""
    for fd in descriptors(suite, 'memfd:body'):
        size = os.fstat(fd).st_size
        assert size == 256 * 1024
        for call in (lambda: os.ftruncate(fd, size + 1), lambda: os.posix_fallocate(fd, size, 1), lambda: os.pwrite(fd, b'x', size)):
            with pytest.raises(OSError) as e:
                call()
            assert e.value.errno == errno.EPERM
        os.close(fd)


def test_no_file_larger_than_a_message(suite):
    """The kernel keeps every smtpd from making a file longer than the largest message."""
    limit = 50 * 1024 * 1024 + 64 * 1024
    pids = {r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process', '').startswith('smtpd')}
    assert len(pids) >= 3
    for pid in pids:
        words = next(l for l in open(f'/proc/{pid}/limits') if l.startswith('Max file size')).split()
        assert words[3:5] == [str(limit), str(limit)]
