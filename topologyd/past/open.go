package past

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func (s *Store) open() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	if err := s.check(entries); err != nil {
		return err
	}
	probe, err := os.CreateTemp(s.cfg.Dir, "probe-*"+suffixNew)
	if err != nil {
		return fmt.Errorf("%w; the daemon must be able to write there", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.Dir, e.Name())
		revision, suffix, ok := parseName(e)
		switch {
		case strings.HasSuffix(e.Name(), suffixNew):
			err = os.Remove(path)
		case !ok:
		case suffix == suffixChanges:
			err = s.openChanges(path)
		default:
			s.openBase(path, revision)
		}
		if err != nil {
			return err
		}
	}
	s.dropOrphans()
	s.resume()
	return nil
}

// check looks at the heads of all files before anything is changed.
func (s *Store) check(entries []fs.DirEntry) error {
	for _, e := range entries {
		_, suffix, ok := parseName(e)
		if !ok {
			continue
		}
		path := filepath.Join(s.cfg.Dir, e.Name())
		head, err := readStart(path)
		if err != nil {
			return err
		}
		log := ""
		if suffix == suffixBase {
			var p position
			p, _, err = baseHead(head)
			log = p.log
		} else {
			c := changes{s: head}
			err = c.readHead()
			log = c.log
		}
		if errors.Is(err, ErrNewer) {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err == nil && log != "" && s.cfg.Log != "" && log != s.cfg.Log {
			return fmt.Errorf("%s: %w: that of %s, this one is %s", path, ErrOtherLog, log, s.cfg.Log)
		}
	}
	return nil
}

// readStart reads the part of a file that its head is in.
func readStart(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 4096)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	return stringOf(buf[:n]), nil
}

func parseName(e fs.DirEntry) (revision uint64, suffix string, ok bool) {
	suffix = filepath.Ext(e.Name())
	if suffix != suffixChanges && suffix != suffixBase || !e.Type().IsRegular() {
		return 0, "", false
	}
	revision, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), suffix), 10, 64)
	return revision, suffix, err == nil
}

// openChanges takes a file of changes up; one that was not completed is.
func (s *Store) openChanges(path string) error {
	if info, ok := readFoot(path); ok {
		s.files = append(s.files, info)
		return nil
	}
	c, ids, torn, err := scan(path)
	switch {
	case errors.Is(err, errEmpty):
		if torn > int64(magicLen+1) && !headOnly(c) {
			s.stats.TornBytes += torn
			s.log.Error("cut off a damaged file of the past: nothing in it is whole", "file", path, "bytes", torn)
		}
		return os.Remove(path)
	case errors.Is(err, errCorrupt):
		s.stats.LostFiles++
		s.log.Error("set a damaged file of the past aside", "file", path, "error", err)
		return os.Rename(path, path+".damaged")
	case err != nil:
		return err
	}
	if torn > 0 {
		s.stats.TornBytes += torn
		s.log.Warn("cut off the damaged end of a file of the past", "file", path, "bytes", torn, "last_revision", c.last)
		if err := os.Truncate(path, c.size); err != nil {
			return err
		}
	}
	s.noteLost(c)
	if err := complete(&c.fileInfo, ids); err != nil {
		s.log.Warn("cannot complete a file of the past; it is read again next time", "file", path, "error", err)
	}
	s.files = append(s.files, c.fileInfo)
	return nil
}

func headOnly(c *changes) bool {
	_, end, ok := frameAt(c.s, magicLen+1)
	return ok && end == len(c.s)
}

// complete appends the foot of a file.
func complete(info *fileInfo, ids filter) error {
	f, err := os.OpenFile(info.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	done := *info
	if _, err := f.Write(appendFoot(nil, info.size, &done, ids)); err != nil {
		return errors.Join(err, f.Truncate(info.size), f.Close())
	}
	*info = done
	return errors.Join(f.Sync(), f.Close())
}

func (s *Store) openBase(path string, revision uint64) {
	info := baseInfo{path: path, revision: revision}
	head, err := readStart(path)
	if err == nil {
		var p position
		if p, info.elements, err = baseHead(head); err == nil {
			info.record, info.at = p.record, p.at
			if p.revision != revision {
				err = fmt.Errorf("%w: of revision %d", errCorrupt, p.revision)
			}
		}
	}
	if st, serr := os.Stat(path); serr == nil {
		info.size = st.Size()
	}
	s.bases = append(s.bases, info)
	if err != nil {
		s.noteBad(path, fmt.Errorf("%s: %w", path, err))
	}
}

// dropOrphans removes what a retention that was cut short left: changes whose
// base is gone.
func (s *Store) dropOrphans() {
	if len(s.bases) == 0 || len(s.files) > 0 && s.files[0].start == 0 {
		return
	}
	s.files = slices.DeleteFunc(s.files, func(f fileInfo) bool {
		orphan := f.last <= s.bases[0].revision
		if orphan {
			if err := os.Remove(f.path); err != nil {
				s.log.Warn("cannot remove a file of the past", "error", err)
			}
		}
		return orphan
	})
}

// resume finds out where to go on.
func (s *Store) resume() {
	s.needBase = len(s.files) > 0 && s.files[0].start > 0
	for i := range s.bases {
		if b := &s.bases[i]; !b.bad {
			s.revision, s.record, s.at = b.revision, b.record, max(s.at, b.at)
			s.baseAt, s.elements, s.needBase = b.at, b.elements, false
		}
	}
	s.heal()
	root := s.revision
	for i := range s.files {
		f := &s.files[i]
		if f.last > s.revision {
			s.revision, s.record, s.at = f.last, f.record, max(s.at, f.at)
		}
		if f.last > root {
			s.since += f.count
			s.sinceBytes += f.size
			if s.baseAt == 0 {
				s.baseAt = f.first
			}
		}
	}
}

func baseHead(s string) (p position, elements int, err error) {
	payload, err := checkHead(s, magicBase, kindBase)
	if err == nil && payload == "" {
		err = errCorrupt
	}
	if err != nil {
		return p, 0, err
	}
	var d decoder
	d.read(payload[1:], nil)
	p, nodes, edges := readBaseHead(&d)
	return p, nodes + edges, d.err
}
