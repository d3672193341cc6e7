// A small service that keeps the contract of the Fallback Job, with the standard library only.
//
// It keeps notes, each with one attachment. The database is a JSON file, the file provider a
// folder: enough to show what matters, which is the order of the steps.
//
//	service --data DIR --files DIR --token-file FILE [--public ADDRESS:PORT] [--private ADDRESS:PORT]
//
//	PUT    /notes/{id}     the body is the attachment
//	GET    /notes/{id}
//	DELETE /notes/{id}     200 when the attachment is gone, 202 while it is not
//	GET    /health         private
//	DELETE /fallback       private, with the bearer token: finishes what was left undone
package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	guard   = 15 * time.Minute // an upload is done long before its guard comes due
	bodyMax = 5 << 20
)

type deletion struct {
	Since     time.Time `json:"since"`
	NotBefore time.Time `json:"notBefore"`
}

// database holds notes, and the deletions that are not finished: keys that must be absent.
type database struct {
	lock      sync.Mutex
	path      string
	Notes     map[string]string   `json:"notes"`
	Deletions map[string]deletion `json:"deletions"`
}

func openDatabase(folder string) (*database, error) {
	db := &database{path: filepath.Join(folder, "notes.json"),
		Notes: map[string]string{}, Deletions: map[string]deletion{}}
	text, err := os.ReadFile(db.path)
	if errors.Is(err, os.ErrNotExist) {
		return db, nil
	}
	if err != nil {
		return nil, err
	}
	return db, json.Unmarshal(text, db)
}

func writeSynced(path string, flags int, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// change runs under the lock and is durable when it returns: the old file or the new one is there.
func (db *database) change(what func()) error {
	db.lock.Lock()
	defer db.lock.Unlock()
	what()
	text, err := json.Marshal(db)
	if err == nil {
		err = writeSynced(db.path+".new", os.O_TRUNC, text)
	}
	if err == nil {
		err = os.Rename(db.path+".new", db.path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(db.path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// files is the provider. Its mark tells an object that is gone from a store that is not there.
type files struct{ folder string }

func (f files) path(key string) string { return filepath.Join(f.folder, key) }

// delete done twice is done: only a store that is not there is an error.
func (f files) delete(key string) error {
	if _, err := os.Stat(f.path(".store")); err != nil {
		return err
	}
	if err := os.Remove(f.path(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

type service struct {
	db    *database
	files files
	token string
}

// newKey makes a key that is used once, ever: so a late delete never hits a newer object.
func newKey() (string, error) {
	var bytes [16]byte
	_, err := rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:]), err
}

func (s *service) put(name string, data []byte) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	now := time.Now()
	err = s.db.change(func() { s.db.Deletions[key] = deletion{now, now.Add(guard)} })
	if err != nil {
		return err
	}
	if err = writeSynced(s.files.path(key), os.O_EXCL, data); err != nil {
		return err // the guard does the rest
	}
	var old string
	late := false
	err = s.db.change(func() {
		// It took longer than its guard, so the object goes again.
		if _, guarded := s.db.Deletions[key]; !guarded {
			late = true
			return
		}
		old = s.db.Notes[name]
		delete(s.db.Deletions, key)
		s.db.Notes[name] = key
		if old != "" {
			s.db.Deletions[old] = deletion{Since: now}
		}
	})
	if err == nil && late {
		return errors.New("the upload took too long")
	}
	if err == nil && old != "" {
		s.finish(old)
	}
	return err
}

// remove says whether there was such a note, and whether everything is gone.
func (s *service) remove(name string) (found, gone bool, err error) {
	var key string
	err = s.db.change(func() {
		if key, found = s.db.Notes[name]; found {
			delete(s.db.Notes, name)
			// First of all, what must become of it is written down.
			s.db.Deletions[key] = deletion{Since: time.Now()}
		}
	})
	return found, err == nil && found && s.finish(key), err
}

// finish is the only place that deletes: right away, or later for the job.
func (s *service) finish(key string) bool {
	return s.files.delete(key) == nil &&
		s.db.change(func() { delete(s.db.Deletions, key) }) == nil
}

type result struct {
	Attempted            int     `json:"attempted"`
	Deleted              int     `json:"deleted"`
	Failed               int     `json:"failed"`
	Blocked              int     `json:"blocked"`
	Remaining            int     `json:"remaining"`
	Scheduled            int     `json:"scheduled"`
	More                 bool    `json:"more"`
	Cursor               *string `json:"cursor"`
	OldestPendingSeconds int     `json:"oldestPendingSeconds"`
}

// sweep tries each deletion once, in the order of the keys, from the cursor on.
func (s *service) sweep(limit int, timeout time.Duration, cursor string) result {
	var r result
	var due []string
	now := time.Now()
	s.db.lock.Lock()
	for key, row := range s.db.Deletions {
		if key > cursor && !row.NotBefore.After(now) {
			due = append(due, key)
		}
	}
	s.db.lock.Unlock()
	sort.Strings(due)
	for _, key := range due {
		if r.Attempted == limit || time.Since(now) >= timeout {
			r.More, r.Cursor = true, &cursor
			break
		}
		if s.finish(key) {
			r.Deleted++
		} else {
			r.Failed++
		}
		r.Attempted++
		cursor = key
	}
	s.db.lock.Lock()
	defer s.db.lock.Unlock()
	for _, row := range s.db.Deletions {
		if row.NotBefore.After(now) {
			r.Scheduled++
			continue
		}
		r.Remaining++
		if age := int(now.Sub(row.Since).Seconds()); age > r.OldestPendingSeconds {
			r.OldestPendingSeconds = age
		}
	}
	return r
}

func reply(w http.ResponseWriter, status int, name, field string, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": name, field: value})
}

func refuse(w http.ResponseWriter, status int, name, message string) {
	reply(w, status, name, "message", message)
}

func failed(w http.ResponseWriter, err error) bool {
	if err != nil {
		refuse(w, 500, "InternalServer", "it did not work; try again")
	}
	return err != nil
}

var notePath = regexp.MustCompile(`^/notes/([\w-]{1,64})$`)

func (s *service) servePublic(w http.ResponseWriter, r *http.Request) {
	match := notePath.FindStringSubmatch(r.URL.Path)
	if match == nil {
		refuse(w, 404, "NotFound", "there is nothing at this path")
		return
	}
	name := match[1]
	switch r.Method {
	case "PUT":
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
		if err != nil {
			refuse(w, 413, "PayloadTooLarge", "5 MiB at most")
		} else if !failed(w, s.put(name, data)) {
			reply(w, 201, "ok", "data", map[string]string{"id": name})
		}
	case "DELETE":
		found, gone, err := s.remove(name)
		if failed(w, err) {
			return
		}
		if !found {
			refuse(w, 404, "NotFound", "no such note")
			return
		}
		status, state := 202, "pending"
		if gone {
			status, state = 200, "deleted"
		}
		reply(w, status, "ok", "data", map[string]string{"id": name, "state": state})
	default:
		s.db.lock.Lock()
		key, found := s.db.Notes[name]
		s.db.lock.Unlock()
		if !found {
			refuse(w, 404, "NotFound", "no such note")
			return
		}
		data, err := os.ReadFile(s.files.path(key))
		if !failed(w, err) {
			w.Write(data)
		}
	}
}

func (s *service) servePrivate(w http.ResponseWriter, r *http.Request) {
	if r.Method == "GET" && r.URL.Path == "/health" {
		reply(w, 200, "ok", "message", "I'm Alive")
		return
	}
	shown := []byte(r.Header.Get("Authorization"))
	if subtle.ConstantTimeCompare(shown, []byte("Bearer "+s.token)) != 1 {
		refuse(w, 401, "Unauthorized", "a bearer token is needed")
		return
	}
	if r.Method != "DELETE" || r.URL.Path != "/fallback" {
		refuse(w, 404, "NotFound", "there is nothing at this path")
		return
	}
	query := r.URL.Query()
	limit, timeout := 1000, 25*time.Second
	var err error
	if text := query.Get("limit"); text != "" {
		limit, err = strconv.Atoi(text)
	}
	if text := query.Get("timeout"); text != "" && err == nil {
		timeout, err = time.ParseDuration(text)
	}
	if err != nil || limit < 1 || limit > 10000 || timeout < time.Second {
		refuse(w, 400, "BadRequest", "limit is 1 to 10000, timeout a duration such as 25s")
		return
	}
	reply(w, 200, "ok", "data", s.sweep(limit, timeout, query.Get("cursor")))
}

func listen(address string, handler http.HandlerFunc) string {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(http.Serve(listener, handler)) }()
	return listener.Addr().String()
}

func main() {
	data := flag.String("data", "", "folder of the database")
	folder := flag.String("files", "", "folder of the attachments")
	tokenFile := flag.String("token-file", "", "file with the bearer token")
	public := flag.String("public", "127.0.0.1:8080", "address")
	private := flag.String("private", "127.0.0.1:8081", "address")
	flag.Parse()
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		log.Fatal(err)
	}
	db, err := openDatabase(*data)
	if err != nil {
		log.Fatal(err)
	}
	s := &service{db: db, files: files{*folder}, token: strings.TrimSpace(string(token))}
	if err := writeSynced(s.files.path(".store"), 0, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("public %s private %s\n", listen(*public, s.servePublic),
		listen(*private, s.servePrivate))
	select {}
}
