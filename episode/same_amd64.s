#include "textflag.h"

// func sameVectors(row, like, may *byte, n int) int
//
// Bytes that differ give bits that are not 0 (PXOR); these are added to what the byte may be, and stick at 0xFF where that is too
// much (PADDUSB); a high bit says that the byte is not as it must be (PMOVMSKB).
TEXT ·sameVectors(SB), NOSPLIT, $0-40
	MOVQ row+0(FP), SI
	MOVQ like+8(FP), DI
	MOVQ may+16(FP), DX
	MOVQ n+24(FP), CX
	XORQ AX, AX
	JMP  next64

loop64:
	MOVOU (SI)(AX*1), X0
	MOVOU 16(SI)(AX*1), X1
	MOVOU 32(SI)(AX*1), X2
	MOVOU 48(SI)(AX*1), X3
	MOVOU (DI)(AX*1), X4
	MOVOU 16(DI)(AX*1), X5
	MOVOU 32(DI)(AX*1), X6
	MOVOU 48(DI)(AX*1), X7
	PXOR  X4, X0
	PXOR  X5, X1
	PXOR  X6, X2
	PXOR  X7, X3
	MOVOU (DX)(AX*1), X4
	MOVOU 16(DX)(AX*1), X5
	MOVOU 32(DX)(AX*1), X6
	MOVOU 48(DX)(AX*1), X7
	PADDUSB X4, X0
	PADDUSB X5, X1
	PADDUSB X6, X2
	PADDUSB X7, X3
	POR  X1, X0
	POR  X3, X2
	POR  X2, X0
	PMOVMSKB X0, BX
	TESTL BX, BX
	JNZ  next16 // it is in one of the four
	ADDQ $64, AX

next64:
	LEAQ 64(AX), R8
	CMPQ R8, CX
	JLE  loop64

next16:
	LEAQ 16(AX), R8
	CMPQ R8, CX
	JLE  one
	CMPQ AX, CX
	JGE  done
	LEAQ -16(CX), AX // the last 16 bytes, of which the first were right

one:
	MOVOU (SI)(AX*1), X0
	MOVOU (DI)(AX*1), X4
	MOVOU (DX)(AX*1), X5
	PXOR  X4, X0
	PADDUSB X5, X0
	PMOVMSKB X0, BX
	TESTL BX, BX
	JNZ  found
	ADDQ $16, AX
	JMP  next16

found:
	BSFL BX, BX
	ADDQ BX, AX

done:
	MOVQ AX, ret+32(FP)
	RET
