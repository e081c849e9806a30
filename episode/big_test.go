package episode

import (
	"bytes"
	"testing"
)

// TestBecomeBig checks that an archive may become big twice, and that the next one can when it is
// released.
func TestBecomeBig(t *testing.T) {
	var first, second Reader
	first.big.become()
	first.big.become()
	waited := make(chan struct{})
	go func() {
		second.big.become()
		close(waited)
	}()
	select {
	case <-waited:
		t.Fatal("two archives are big at once")
	default:
	}
	if _, err := first.Read(bytes.NewReader(small().Bytes()), user, Rules{}); err != nil { // releases the one before
		t.Fatal(err)
	}
	<-waited
	second.Release()
	second.Release()
	if len(bigLock) > 0 {
		t.Error("the lock is still held")
	}
}
