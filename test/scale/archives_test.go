//go:build linux

package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cis490/profiles/command/synth"
	"github.com/cis490/profiles/episode"
)

// render serves synthetic archives over HTTP until its stdin ends. It makes each when it is requested, since a million of them would take
// 62 GB. It is a process of its own, so that its time and memory do not count as a worker's.
func render() error {
	ctx, end := untilStdinEnds()
	defer end()
	number, err := strconv.Atoi(os.Getenv(numberVariable))
	if err != nil {
		return err
	}
	generator := synth.New(seed)
	store, err := synth.NewStore(generator, number)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	opened := map[string]int{} // by profile
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		ref, err := episode.ParseRef(host, id)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		archive, err := store.Open(r.Context(), ref)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer archive.Close()
		profile, _, _ := generator.Find(host, id)
		mu.Lock()
		opened[profile]++
		mu.Unlock()
		_, _ = io.Copy(w, archive)
	})}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := say("http://" + listener.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return say(opened)
}

// remote is the store that render serves, as its URL.
type remote string

func (r remote) Open(ctx context.Context, ref episode.Ref) (io.ReadCloser, error) {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/%s/%s", string(r), ref.Host, ref.ID), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%w: %s", episode.ErrNotFound, answer.Status)
	}
	return answer.Body, nil
}
