package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	signing "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"strongroom/internal/s3clients"
)

// TestClients has the served program driven by the clients that people use. It stands
// there as it does for its users: a room with the policies it starts with, where
// reading needs a purpose, which stock clients bring along in a session.
func TestClients(t *testing.T) {
	program, err := exec.LookPath("strongroom")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data, keys := filepath.Join(dir, "room"), filepath.Join(dir, "key.json")
	printed, err := exec.CommandContext(t.Context(), program, "init", "--data", data, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID     string `json:"s3_access_key_id"`
		Secret string `json:"s3_secret_access_key"`
	}
	if err := json.Unmarshal(printed, &made); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, printed, 0o600); err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	server := exec.Command(program, "serve", "--data", data, "--s3", "127.0.0.1:0", "--console", "127.0.0.1:0")
	server.Stderr = said
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after all clients
		server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, said)
		}
	})
	lines := bufio.NewReader(stdout)
	at := ""
	for at == "" {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the server did not say where it listens: %v", err)
		}
		if address, ok := strings.CutPrefix(line, "S3 "); ok {
			at = strings.TrimSpace(address)
		}
	}
	s3clients.Run(t, s3clients.Endpoint{
		URL: at, AccessKey: made.ID, Secret: made.Secret, NeedsPurpose: true, Whole: true,
		CredentialProcess: fmt.Sprintf(`%s credentials --endpoint %s --keys %s --purpose "réclamation 50%%" --ticket TICKET-1`, program, at, keys),
	})
}

// asProgram runs a function as a program: where it fails it says why, with status 1.
func asProgram(do func(args []string) error) {
	if err := do(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// s3Program is somebody with an S3 client and the access key in the environment.
func s3Program() { asProgram(s3Client) }

func s3Client(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	at, err := url.Parse(os.Getenv("S3"))
	if err != nil {
		return err
	}
	c, err := minio.New(at.Host, &minio.Options{
		Creds:  signing.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		Secure: at.Scheme == "https", Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		return err
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	bucket, key, _ := strings.Cut(arg(1), "/")
	switch arg(0) {
	case "mb": // BUCKET
		return c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
	case "ls": // BUCKET
		for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			if o.Err != nil {
				return o.Err
			}
			fmt.Println(o.Key)
		}
		return nil
	case "put": // BUCKET/KEY FILE [NAME=VALUE...]
		meta := map[string]string{}
		for _, m := range args[3:] {
			name, value, _ := strings.Cut(m, "=")
			meta[name] = value
		}
		// Small parts, so that a file of some megabytes goes up in several.
		_, err := c.FPutObject(ctx, bucket, key, arg(2), minio.PutObjectOptions{UserMetadata: meta, PartSize: 5 << 20})
		return err
	case "slowly": // BUCKET/KEY FILE HALF: puts a file, and makes the file HALF when half of it is on its way
		content, err := os.ReadFile(arg(2))
		if err != nil {
			return err
		}
		half := len(content) / 2
		pause := readerFunc(func([]byte) (int, error) {
			if err := os.WriteFile(arg(3), nil, 0o600); err != nil {
				return 0, err
			}
			time.Sleep(time.Second)
			return 0, io.EOF
		})
		body := io.MultiReader(bytes.NewReader(content[:half]), pause, bytes.NewReader(content[half:]))
		_, err = c.PutObject(ctx, bucket, key, body, int64(len(content)), minio.PutObjectOptions{})
		return err
	case "get": // BUCKET/KEY [PURPOSE]
		content, err := get(ctx, c, bucket, key, arg(2))
		if err == nil {
			_, err = os.Stdout.Write(content)
		}
		return err
	case "rm": // BUCKET/KEY
		return c.RemoveObject(ctx, bucket, key, minio.RemoveObjectOptions{})
	case "expire": // BUCKET/PREFIX: what begins so expired this morning
		rules := lifecycle.NewConfiguration()
		rules.Rules = []lifecycle.Rule{{
			ID: "expired", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: key},
			Expiration: lifecycle.Expiration{Date: lifecycle.ExpirationDate{Time: time.Now().UTC().Truncate(24 * time.Hour)}},
		}}
		return c.SetBucketLifecycle(ctx, bucket, rules)
	case "load": // BUCKET ACKNOWLEDGED: stores until it is interrupted, and writes down what was acknowledged
		log, err := os.Create(arg(2))
		if err != nil {
			return err
		}
		for n := 0; ctx.Err() == nil; n++ {
			key := fmt.Sprintf("load/%04d", n)
			content := contentOf(key)
			_, err := c.PutObject(ctx, bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
			if errors.Is(err, context.Canceled) {
				break
			} else if err != nil {
				return err
			}
			fmt.Fprintln(log, key)
		}
		return log.Close()
	case "check": // BUCKET ACKNOWLEDGED: reads what was written down, and compares
		list, err := os.ReadFile(arg(2))
		if err != nil {
			return err
		}
		n := 0
		for key := range strings.FieldsSeq(string(list)) {
			content, err := get(ctx, c, bucket, key, "checking")
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if !bytes.Equal(content, contentOf(key)) {
				return fmt.Errorf("%s does not read back as it was stored", key)
			}
			n++
		}
		if n == 0 {
			return errors.New("nothing was acknowledged")
		}
		fmt.Printf("%d objects read back as stored\n", n)
		return nil
	}
	return fmt.Errorf("s3: no such verb %q", arg(0))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// contentOf is what load stores under a key.
func contentOf(key string) []byte {
	digest := sha256.Sum256([]byte(key))
	return bytes.Repeat(digest[:], 3000)
}

func get(ctx context.Context, c *minio.Client, bucket, key, purpose string) ([]byte, error) {
	var o minio.GetObjectOptions
	if purpose != "" {
		o.Set("x-strongroom-purpose", purpose)
	}
	body, err := c.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// fetchProgram prints the status, the headers and the body that a URL answers.
func fetchProgram() { asProgram(fetch) }

func fetch(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: fetch URL [HEADER: VALUE...]")
	}
	r, err := http.NewRequest(http.MethodGet, args[0], nil)
	if err != nil {
		return err
	}
	for _, h := range args[1:] {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Set(name, strings.TrimSpace(value))
	}
	client := http.Client{Timeout: 2 * time.Minute}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	return printAnswer(answer)
}

// printAnswer prints an answer.
func printAnswer(answer *http.Response) error {
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		fmt.Printf("%s: %s\n", name, strings.Join(answer.Header[name], ", "))
	}
	fmt.Println()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		return errors.New(answer.Status)
	}
	return nil
}

// tamperProgram is somebody who has the database file and a tool for it, but not the
// room's keys. A statement that changes nothing is an error: the test would be empty.
func tamperProgram() { asProgram(tamper) }

func tamper(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: tamper DATABASE STATEMENT...")
	}
	db, err := sql.Open("sqlite", "file:"+args[0])
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range args[1:] {
		result, err := db.Exec(statement)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("changed nothing: %s", statement)
		}
	}
	return nil
}
