package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"

	"github.com/minio/minio-go/v7"

	"github.com/cis490/profiles/bus/client"
	"github.com/cis490/profiles/episode"
)

// An answer is an error that a store gives for an archive, and its meaning:
// episode.ErrNotFound, episode.ErrCorrupt or episode.ErrRefused. nil means that there was
// no answer: the store may be at fault, and nothing is said about the archive.
// docs/OPERATIONS.md shows these tables; TestAnswersDocumented compares.
type answer struct {
	says  string // for people
	is    func(error) bool
	means error
}

// answers are the rows of one kind of store. The first row that fits counts.
type answers []answer

// explain wraps an error so that it matches what it means.
func (rows answers) explain(err error) error {
	for _, row := range rows {
		switch {
		case !row.is(err):
		case row.means == nil, errors.Is(err, row.means):
			return err
		default:
			return fmt.Errorf("%w: %w", row.means, err)
		}
	}
	return err
}

// dirAnswers are about opening a file below the directory.
var dirAnswers = answers{
	{"no such file or folder, or a link to nowhere", is(fs.ErrNotExist), episode.ErrNotFound},
	{"a file where the host's folder should be", is(syscall.ENOTDIR), episode.ErrNotFound},
	{"a name that is too long for the file system", is(syscall.ENAMETOOLONG), episode.ErrNotFound},
	{"a folder, pipe, socket or device in the archive's place", is(errNotRegular), episode.ErrCorrupt},
	{"a link that leads out of the directory", leadsOut, episode.ErrCorrupt},
	{"links that lead to each other", is(syscall.ELOOP), episode.ErrCorrupt},
	{"no permission for the file or its folder", is(fs.ErrPermission), episode.ErrRefused},
	{"anything else: the directory cannot be opened, a read error, a stale handle, too many open files", anyError, nil},
}

// natsAnswers are those of the bucket's leader.
var natsAnswers = answers{
	{"no such object", is(client.ErrNoObject), episode.ErrNotFound},
	{"a description that is not that of an archive, another size or SHA-256 than described, or a chunk that the leader lacks", is(client.ErrObjectDamaged), episode.ErrCorrupt},
	{"no right to read it", is(client.ErrDenied), episode.ErrRefused},
	{"anything else: no bucket, no leader, silence, an object that was replaced while it was read", anyError, nil},
}

// s3Answers are those of the server. A 404 that is not in S3's form is not in the table:
// it comes from a proxy, or from a server of another kind.
var s3Answers = answers{
	{"NoSuchKey in S3's form, also for a folder's name", hasCode(minio.NoSuchKey), episode.ErrNotFound},
	{"KeyTooLongError, or a name that the server cannot have", hasCode("KeyTooLongError", "XMinioInvalidObjectName", "XMinioParentIsObject", "ObjectParentIsFile"), episode.ErrNotFound},
	{"AccessDenied, and any other status from 400 to 499 that may be about the object, such as that of an archived or encrypted one", refusesObject, episode.ErrRefused},
	{"anything else: no bucket, a wrong or expired key, a certificate that is not accepted, a 404 of a proxy, 429, 5xx, silence, a transfer that breaks off, bytes whose MD5 is not the ETag", anyError, nil},
}

func anyError(error) bool { return true }

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// leadsOut reports whether an error of os.Root means that a link leads out of it. The
// library does not export that error.
func leadsOut(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if err.Error() == "path escapes from parent" {
			return true
		}
	}
	return false
}

// s3Answer returns an answer in S3's form.
func s3Answer(err error) (answer minio.ErrorResponse, ok bool) {
	ok = errors.As(err, &answer) && answer.XMLName.Local == "Error"
	return answer, ok
}

func hasCode(codes ...string) func(error) bool {
	return func(err error) bool {
		answer, ok := s3Answer(err)
		for _, code := range codes {
			if ok && answer.Code == code {
				return true
			}
		}
		return false
	}
}

// ofStore are the codes below 500 that are not about one object.
var ofStore = map[string]bool{
	minio.NoSuchBucket: true, "InvalidBucketName": true, "PermanentRedirect": true, "TemporaryRedirect": true,
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "InvalidToken": true, "ExpiredToken": true, "TokenRefreshRequired": true,
	"AccountProblem": true, "RequestTimeTooSkewed": true, "RequestExpired": true, "AuthorizationHeaderMalformed": true,
	"RequestTimeout": true, "TooManyRequests": true, "SlowDown": true,
}

func refusesObject(err error) bool {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || ofStore[answer.Code] {
		return false
	}
	switch answer.StatusCode {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return answer.StatusCode >= 400 && answer.StatusCode < 500
}
