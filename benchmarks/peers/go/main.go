// The pattern as it was published, in the libraries of the original: a service with Gin and pgx
// whose fallback route takes every marked user and deletes image and user, one request after
// another, and stops at the first error.
//
//	published LISTEN DATABASE S3
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v4/pgxpool"
)

type marked struct {
	id, key string
}

func markedUsers(ctx context.Context, pool *pgxpool.Pool) ([]marked, error) {
	rows, err := pool.Query(ctx, "SELECT id, avatar_key FROM users WHERE avatar_should_be_deleted")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []marked
	for rows.Next() {
		var one marked
		if err := rows.Scan(&one.id, &one.key); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, rows.Err()
}

func deleteImage(ctx context.Context, client *http.Client, store, key string) error {
	request, err := http.NewRequestWithContext(ctx, "DELETE", store+"/bucket/"+key, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/"+
		"aws4_request, SignedHeaders=host, Signature=0")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the store answered %d", answer.StatusCode)
	}
	return nil
}

func fallback(ctx context.Context, pool *pgxpool.Pool, client *http.Client, store string) (int, error) {
	found, err := markedUsers(ctx, pool)
	if err != nil {
		return 0, err
	}
	for done, one := range found {
		if err := deleteImage(ctx, client, store, one.key); err != nil {
			return done, err
		}
		if _, err := pool.Exec(ctx, "DELETE FROM users WHERE id = $1", one.id); err != nil {
			return done, err
		}
	}
	return len(found), nil
}

func main() {
	listen, database, store := os.Args[1], os.Args[2], os.Args[3]
	pool, err := pgxpool.Connect(context.Background(), database)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(69)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	client := &http.Client{}
	engine.GET("/api/health", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"message": "I'm Alive"})
	})
	engine.DELETE("/api/users/fallback", func(c *gin.Context) {
		done, err := fallback(c.Request.Context(), pool, client, store)
		if err != nil {
			c.JSON(http.StatusInternalServerError, gin.H{"status": "InternalServer", "message": err.Error()})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "ok", "data": gin.H{"deleted": done}})
	})
	serveUsers(engine, pool, time.Second, store)
	if err := engine.Run(listen); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(69)
	}
}
