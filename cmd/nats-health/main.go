// Command nats-health asks a NATS server on this machine whether it is healthy. It is part of the image of NATS:
// monitoring listens on the pod's loopback address, which only programs in the pod reach, so Kubernetes runs this one.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cis490/profiles/internal/plain"
)

const usage = `usage: nats-health URL

Asks URL, such as http://127.0.0.1:8222/healthz. Exits with 0 if the answer is 200 OK and comes within
4 s. Otherwise exits with 1, and prints why.
`

// patience is less than timeoutSeconds of the probes, so that they report why.
const patience = 4 * time.Second

func main() { os.Exit(run(os.Args[1:], plain.NewWriter(os.Stderr))) }

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err := check(args[0]); err != nil {
		fmt.Fprintln(stderr, "nats-health:", err)
		return 1
	}
	return 0
}

// check returns an error with the start of the answer unless it is 200 OK.
func check(url string) error {
	client := http.Client{Timeout: patience, Transport: &http.Transport{}} // without a proxy
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1024))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", url, answer.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
